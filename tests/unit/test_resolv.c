/* SPDX-License-Identifier: MIT
 *
 * Name servers out of resolv.conf(5), as the Linux program reads them (boards/linux/resolv.c).
 */
#include "test.h"

#include <stdlib.h>
#include <unistd.h>

#include "../../boards/linux/cli.h"

static struct sts_endpoint got[STS_DNS_SERVERS];

static size_t servers_of(const char *text, size_t len)
{
    char name[] = "/tmp/stsmail-resolv-XXXXXX";
    int fd = mkstemp(name);
    size_t n;

    CHECK(fd >= 0 && write(fd, text, len) == (ssize_t)len);
    close(fd);
    n = resolv_servers(name, got, STS_DNS_SERVERS);
    unlink(name);
    return n;
}

TEST(name_servers_are_taken_in_their_order)
{
    static const char text[] = "search example.org\n# nameserver 192.0.2.9\nnameserver 192.0.2.1\n"
                               "nameserver\t2001:db8::1 \r\noptions rotate\n"
                               "nameserver [2001:db8::2]:5353";

    CHECK(servers_of(BYTES(text)) == 3);
    CHECK(got[0].ip.family == 4 && got[0].ip.bytes[3] == 1 && got[0].port == 53);
    CHECK(got[1].ip.family == 6 && got[1].ip.bytes[15] == 1 && got[1].port == 53);
    CHECK(got[2].ip.family == 6 && got[2].ip.bytes[15] == 2 && got[2].port == 5353);
}

TEST(no_more_name_servers_than_there_is_room_for)
{
    char text[(STS_DNS_SERVERS + 1) * 24] = "";

    for (int i = 0; i <= STS_DNS_SERVERS; i++) {
        strcat(text, "nameserver 192.0.2.1\n");
    }
    CHECK(servers_of(text, strlen(text)) == STS_DNS_SERVERS);
}

/* Found by fuzz_linux: a line was read in pieces of 511 octets, and the rest of a comment was a line of its own. */
TEST(a_long_comment_is_a_comment_to_its_end)
{
    static const char rest[] = "nameserver 192.0.2.66\n";
    static char text[1200];

    for (size_t len = 1; len < 1100; len++) {
        memset(text, '#', len);
        memcpy(text + len, rest, sizeof rest);
        CHECK(servers_of(text, len + sizeof rest - 1) == 0);
    }
}

TEST(what_is_no_address_is_left_out)
{
    CHECK(servers_of(BYTES("nameserver fe80::1%eth0\nnameserver\nnameserver 1.2.3\nnameserver "
                           "192.0.2.1:0\nnameserver 192.0.2.1:65536\nnameserver [192.0.2.1]\n")) ==
          0);
    CHECK(resolv_servers("/nonexistent", got, STS_DNS_SERVERS) == 0);
}

TEST_MAIN("resolv")
