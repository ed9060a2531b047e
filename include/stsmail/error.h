/* SPDX-License-Identifier: MIT
 *
 * Every way in which a call or a delivery can end.
 *
 * Results are int: 0 is success, positive values are counts or "not yet", and
 * the negative ones stand in groups that answer the one question a caller has:
 * may another try help?
 *
 *    -1..-19   the caller's mistake, or a limit that it chose   fix the call
 *   -20..-39   transport, DNS, TLS, time, broken grammar        try again later
 *   -40..-59   the server said 4yz (RFC 5321 4.2.1)             try again later
 *   -60..-79   final: the other side said so for good           do not try again
 */
#ifndef STSMAIL_ERROR_H
#define STSMAIL_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

enum sts_err {
    STS_OK = 0,
    STS_BUSY = 1, /* not an error: not finished yet, call again */

    /* fix the call */
    STS_ERR_ARG = -1,     /* NULL pointer, or a value out of its range */
    STS_ERR_STATE = -2,   /* the call is not allowed now */
    STS_ERR_SPACE = -3,   /* does not fit a buffer or a limit of config.h */
    STS_ERR_ADDRESS = -4, /* not a mailbox of RFC 5321 4.1.2 */
    STS_ERR_NAME = -5,    /* not a host or domain name that can be looked up */
    STS_ERR_MESSAGE = -6, /* the message cannot be sent as it is: NUL, CR or LF in a header value,
                             no header, a line that can't be folded */
    STS_ERR_SYNTAX = -7,  /* a record or policy that its grammar does not allow */
    STS_ERR_CONFIG = -8,  /* the configuration cannot work: no DNS server, no trust anchor, or
                             the library was built with other limits than the program */
    STS_ERR_ABSENT = -9,  /* there is no such thing: record, policy, cached entry, DNS data */

    /* try again later: everything short of a server's own reply */
    STS_ERR_TIMEOUT = -20,         /* a step took longer than it may */
    STS_ERR_CLOSED = -21,          /* the transport ended, or an end that nothing vouches for */
    STS_ERR_CONNECT = -22,         /* no connection: refused, unreachable, no address */
    STS_ERR_PROTO = -23,           /* the peer's bytes are not in the protocol's grammar */
    STS_ERR_DNS = -24,             /* the DNS could not be asked: "unknown", never "absent" */
    STS_ERR_CLOCK = -25,           /* the time is not known, so no certificate can be checked */
    STS_ERR_MEMORY = -26,          /* a fixed pool is too small for what the peer sent */
    STS_ERR_RANDOM = -27,          /* no random numbers */
    STS_ERR_IO = -28,              /* the store, or the source of the message, failed */
    STS_ERR_END = -29,             /* authenticated end of the stream (TLS close_notify) */
    STS_ERR_STARTTLS = -30,        /* STARTTLS not offered, or refused (RFC 8460 4.3.1) */
    STS_ERR_CERT_HOST = -31,       /* the certificate is for another name */
    STS_ERR_CERT_EXPIRED = -32,    /* expired, or not valid yet */
    STS_ERR_CERT_TRUST = -33,      /* no chain to a trust anchor */
    STS_ERR_TLS = -34,             /* any other failure of TLS: validation-failure */
    STS_ERR_MX_MISMATCH = -35,     /* the policy does not allow this MX (RFC 8461 4.1) */
    STS_ERR_POLICY_FETCH = -36,    /* an announced policy could not be fetched */
    STS_ERR_POLICY_INVALID = -37,  /* it was fetched and is not a valid policy */
    STS_ERR_POLICY_WEBPKI = -38,   /* the policy host could not be authenticated */
    STS_ERR_POLICY_REQUIRED = -39, /* the floor asks for more than there is */

    /* try again later: the server said so, or nothing said otherwise can be trusted */
    STS_ERR_TEMPFAIL = -40, /* 4yz, or a 5yz that may be forged (design: C-11) */

    /* final */
    STS_ERR_REJECTED = -60, /* 5yz */
    STS_ERR_SIZE = -61,     /* larger than any MX takes (RFC 1870) */
    STS_ERR_SMTPUTF8 = -62, /* needs SMTPUTF8 or 8BITMIME, which no MX offers */
    STS_ERR_NULL_MX = -63,  /* the domain takes no mail (RFC 7505) */
    STS_ERR_NXDOMAIN = -64, /* the domain does not exist, or has neither MX nor address */
    STS_ERR_LOOP = -65,     /* this host is the best MX (RFC 5321 5.1) */
};

/* The short name of an error as `stsmail --json` prints it and RFC 8460 4.3 has it
 * ("certificate-expired", "connect", ...); NULL for STS_OK and for errors that end no attempt. */
const char *sts_err_name(int err);

/* One sentence for a person: what happened. Never NULL; static. */
const char *sts_err_text(int err);

/* One sentence for a person: what can be done about it. Never NULL; static; may be empty. */
const char *sts_err_hint(int err);

/* Whether the error is final: another try cannot help. */
static inline int sts_err_final(int err) { return err <= -60; }

#ifdef __cplusplus
}
#endif
#endif
