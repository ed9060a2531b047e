# SPDX-License-Identifier: MIT
#
# make install DESTDIR= PREFIX=/usr/local LIBDIR=: the program, its manual, and the library to link with.
#
# libstsmail-wolfssl.a is the wolfSSL that libstsmail.a was built with. It has a name of its own since it is no
# substitute for the system's libwolfssl, nor that for it: the settings differ (no heap, our checks of certificates).
# A program links one of the two, not both.

DESTDIR ?=
LIBDIR ?= $(PREFIX)/lib
INSTALL ?= install

INSTALL_BIN := $(DESTDIR)$(PREFIX)/bin
INSTALL_LIB := $(DESTDIR)$(LIBDIR)
INSTALL_PC := $(INSTALL_LIB)/pkgconfig
INSTALL_INCLUDE := $(DESTDIR)$(PREFIX)/include/stsmail
INSTALL_MAN := $(DESTDIR)$(PREFIX)/share/man/man8
# Where systemd looks for what an administrator installed. The service has to be enabled by hand.
INSTALL_UNIT := $(DESTDIR)$(PREFIX)/lib/systemd/system
INSTALL_SYSUSERS := $(DESTDIR)$(PREFIX)/lib/sysusers.d

$(B)/linux/stsmail.pc: boards/linux/stsmail.pc.in Makefile FORCE
	@mkdir -p $(@D)
	@sed 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@VERSION@|$(VERSION)|' $< >$@

$(B)/linux/stsmail.service: boards/linux/stsmail.service Makefile FORCE
	@mkdir -p $(@D)
	@sed 's|@PREFIX@|$(PREFIX)|' $< >$@

$(B)/linux/stsmail.8: boards/linux/stsmail.8 Makefile
	@mkdir -p $(@D)
	@sed 's|@VERSION@|$(VERSION)|' $< >$@

.PHONY: FORCE
FORCE:

## install: program, manual, library, headers and pkg-config file, under DESTDIR and PREFIX (/usr/local)
.PHONY: install
install: $(B)/linux/stsmail $(B)/linux/libstsmail.a $(B)/linux/libwolfssl.a $(B)/linux/stsmail.pc $(B)/linux/stsmail.8 \
        $(B)/linux/stsmail.service
	$(INSTALL) -d -m 755 $(INSTALL_BIN) $(INSTALL_LIB) $(INSTALL_PC) $(INSTALL_INCLUDE)/engine $(INSTALL_MAN) \
	    $(INSTALL_UNIT) $(INSTALL_SYSUSERS)
	$(INSTALL) -m 644 $(B)/linux/stsmail.service $(INSTALL_UNIT)/stsmail.service
	$(INSTALL) -m 644 boards/linux/stsmail.sysusers $(INSTALL_SYSUSERS)/stsmail.conf
	$(INSTALL) -m 755 $(B)/linux/stsmail $(INSTALL_BIN)/stsmail
	$(INSTALL) -m 644 $(B)/linux/libstsmail.a $(INSTALL_LIB)/libstsmail.a
	$(INSTALL) -m 644 $(B)/linux/libwolfssl.a $(INSTALL_LIB)/libstsmail-wolfssl.a
	$(INSTALL) -m 644 $(wildcard include/stsmail/*.h) boards/linux/limits.h $(INSTALL_INCLUDE)
	$(INSTALL) -m 644 $(wildcard include/stsmail/engine/*.h) $(INSTALL_INCLUDE)/engine
	$(INSTALL) -m 644 $(B)/linux/stsmail.pc $(INSTALL_PC)/stsmail.pc
	$(INSTALL) -m 644 $(B)/linux/stsmail.8 $(INSTALL_MAN)/stsmail.8

## uninstall: remove what `make install` put there, with the same DESTDIR and PREFIX
.PHONY: uninstall
uninstall:
	rm -f $(INSTALL_BIN)/stsmail $(INSTALL_LIB)/libstsmail.a $(INSTALL_LIB)/libstsmail-wolfssl.a \
	    $(INSTALL_PC)/stsmail.pc $(INSTALL_MAN)/stsmail.8 $(INSTALL_UNIT)/stsmail.service $(INSTALL_SYSUSERS)/stsmail.conf
	rm -rf $(INSTALL_INCLUDE)
