/* Rewritten senders: as Mail::SRS writes them, and back. */
#include "base/test.h"
#include "envelope/srs.h"

static const int64_t NOW = 1764000000, DAY = 24 * 3600;
static const struct slice SECRETS[] = {
	{.ptr = "tester secret one", .len = 17}, {.ptr = "another secret", .len = 14}};

static bool write_at(int64_t now, const char *sender, const char *domain, struct buf *to)
{
	struct envelope_path path;
	assert_true(envelope_parse_address(slice_str(sender), &path));
	return envelope_srs_write(&path, slice_str(domain), SECRETS[0], now, to);
}

static void check_written(const char *sender, const char *expected)
{
	AUTO(buf_free) struct buf to = BUF(ENVELOPE_PATH_MAX);
	assert_true(write_at(NOW, sender, "ours.test", &to));
	assert_slice(buf_slice(&to), expected);
}

/* By Mail::SRS 0.31 with HashLength 8. */
static void it_is_what_others_write(void **state)
{
	AUTO(buf_free) struct buf to = BUF(ENVELOPE_PATH_MAX);
	check_written("ann@example.com", "SRS0=ArNAhGjW=6A=example.com=ann@ours.test");
	check_written("Ann.Lee+x=y@Sub.Example.COM",
		"SRS0=NYLvojN9=6A=Sub.Example.COM=Ann.Lee+x=y@ours.test");
	check_written("SRS0=abcd=XX=first.test=bob@second.test",
		"SRS1=LbT+TX25=second.test==abcd=XX=first.test=bob@ours.test");
	check_written("SRS0+abcd=XX=first.test=bob@second.test",
		"SRS1=NwKHBux0=second.test=+abcd=XX=first.test=bob@ours.test");
	check_written("SRS1=zzzz=first.test==abcd=XX=o.test=bob@second.test",
		"SRS1=IQv4ErC/=first.test==abcd=XX=o.test=bob@ours.test");
	assert_true(write_at(4102444800, "a@b.c", "d.e", &to));
	assert_slice(buf_slice(&to), "SRS0=OK9ihAg2=L2=b.c=a@d.e");
}

static enum envelope_srs read_at(int64_t now, const char *local, const char *expected)
{
	AUTO(buf_free) struct buf to = BUF(ENVELOPE_PATH_MAX);
	enum envelope_srs r =
		envelope_srs_read(slice_str(local), SECRETS, ARRAY_LEN(SECRETS), now, &to);
	assert_slice(buf_slice(&to), r == ENVELOPE_SRS_GOOD ? expected : "");
	return r;
}

static void check_read(const char *local, enum envelope_srs outcome, const char *expected)
{
	enum envelope_srs r = read_at(NOW, local, expected);
	if (r != outcome)
		fail_msg("\"%s\" is %d", local, (int)r);
}

static void it_leads_back(void **state)
{
	check_read("SRS0=ArNAhGjW=6A=example.com=ann", ENVELOPE_SRS_GOOD, "ann@example.com");
	check_read("srs0+arnahgjw=6a=EXAMPLE.com=ann", ENVELOPE_SRS_GOOD, "ann@EXAMPLE.com");
	check_read("SRS0-ArNAhGjW=6A=example.com=ann", ENVELOPE_SRS_GOOD, "ann@example.com");
	check_read("SRS1=LbT+TX25=second.test==abcd=XX=first.test=bob", ENVELOPE_SRS_GOOD,
		"SRS0=abcd=XX=first.test=bob@second.test");
	check_read("SRS1=NwKHBux0=second.test=+abcd=XX=first.test=bob", ENVELOPE_SRS_GOOD,
		"SRS0+abcd=XX=first.test=bob@second.test");
}

static void what_nobody_here_has_signed_is_forged(void **state)
{
	check_read("SRS0=BrNAhGjW=6A=example.com=ann", ENVELOPE_SRS_FORGED, NULL);
	check_read("SRS0=ArNAhGjW=6B=example.com=ann", ENVELOPE_SRS_FORGED, NULL);
	check_read("SRS0=ArNAhGjW=6A=example.net=ann", ENVELOPE_SRS_FORGED, NULL);
	check_read("SRS0=ArNAhGjW=6A=example.com=bob", ENVELOPE_SRS_FORGED, NULL);
	check_read("SRS0=ArNA=6A=example.com=ann", ENVELOPE_SRS_FORGED, NULL); /* too short */
	check_read("SRS1=LbT+TX25=third.test==abcd=XX=first.test=bob", ENVELOPE_SRS_FORGED, NULL);
	check_read("SRS0=ArNAhGjW"
		   "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=6A=example.com=ann",
		ENVELOPE_SRS_FORGED, NULL);
}

static void other_addresses_are_none(void **state)
{
	static const char *const OTHERS[] = {"", "ann", "SRS0", "SRS0=", "SRS0=a", "srs0-list",
		"SRS0=hash=6A=example.com",
		"SRS0=hash=6A=example.com=", "SRS0=hash=6=example.com=a",
		"SRS0=hash=6!=example.com=a", "SRS0==6A=example.com=a", "SRS1=hash=host",
		"SRS1=hash=host=rest", "SRS1=hash==x", "SRS2=ArNAhGjW=6A=example.com=ann",
		"xSRS0=ArNAhGjW=6A=example.com=ann", "SRS0:ArNAhGjW=6A=example.com=ann"};
	for (size_t i = 0; i < ARRAY_LEN(OTHERS); i++)
		check_read(OTHERS[i], ENVELOPE_SRS_NONE, NULL);
}

static void it_is_good_for_three_weeks(void **state)
{
	const char *local = "SRS0=ArNAhGjW=6A=example.com=ann", *address = "ann@example.com";
	assert_int_equal(read_at(NOW + 21 * DAY, local, address), ENVELOPE_SRS_GOOD);
	assert_int_equal(read_at(NOW + 22 * DAY, local, NULL), ENVELOPE_SRS_EXPIRED);
	assert_int_equal(read_at(NOW - DAY, local, address), ENVELOPE_SRS_GOOD);
	assert_int_equal(read_at(NOW - 2 * DAY, local, NULL), ENVELOPE_SRS_EXPIRED);
	assert_int_equal(read_at(NOW + 1023 * DAY, local, address), ENVELOPE_SRS_GOOD);
}

static void every_secret_is_believed(void **state)
{
	AUTO(buf_free) struct buf to = BUF(ENVELOPE_PATH_MAX), back = BUF(ENVELOPE_PATH_MAX);
	struct envelope_path path;
	assert_true(envelope_parse_address(SLICE("ann@example.com"), &path));
	assert_true(envelope_srs_write(&path, SLICE("ours.test"), SECRETS[1], NOW, &to));
	struct slice rest = buf_slice(&to), local = slice_cut(&rest, '@');
	assert_int_equal(envelope_srs_read(local, SECRETS, 2, NOW, &back), ENVELOPE_SRS_GOOD);
	assert_int_equal(envelope_srs_read(local, SECRETS, 1, NOW, &back), ENVELOPE_SRS_FORGED);
	assert_int_equal(envelope_srs_read(local, NULL, 0, NOW, &back), ENVELOPE_SRS_FORGED);
}

static void what_can_not_be_written_stays(void **state)
{
	AUTO(buf_free) struct buf to = BUF(ENVELOPE_PATH_MAX), name = BUF(512);
	struct envelope_path none = {.address = SLICE("")};
	assert_false(envelope_srs_write(&none, SLICE("ours.test"), SECRETS[0], NOW, &to));
	assert_false(write_at(NOW, "\"a b\"@example.com", "ours.test", &to));
	assert_false(write_at(NOW, "a@[192.0.2.1]", "ours.test", &to));
	for (size_t i = 0; i < 240; i++)
		buf_add_byte(&name, 'a');
	buf_add_str(&name, "@example.com");
	assert_false(write_at(NOW, buf_cstr(&name), "ours.test", &to));
	assert_int_equal(to.len, 0);
	assert_false(to.failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_what_others_write),
		cmocka_unit_test(it_leads_back),
		cmocka_unit_test(what_nobody_here_has_signed_is_forged),
		cmocka_unit_test(other_addresses_are_none),
		cmocka_unit_test(it_is_good_for_three_weeks),
		cmocka_unit_test(every_secret_is_believed),
		cmocka_unit_test(what_can_not_be_written_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
