/* rookery config …: what is right, wrong, in force, possible. */
#include "cli/cli.h"

#include "conf/explain.h"

enum { TEXT_MAX = 1 << 20 };

static int print(struct buf *text)
{
	(void)fwrite(text->data, 1, text->len, stdout);
	return CLI_DONE;
}

int cli_config(struct cli *cli, int argc, char **argv)
{
	AUTO(buf_free) struct buf text = BUF(TEXT_MAX);
	const char *verb = argc ? argv[0] : "";
	struct err err;
	if (strcmp(verb, "sample") == 0 && argc == 1) {
		conf_write_sample(&text);
		return print(&text);
	}
	if (strcmp(verb, "manual") == 0 && argc == 1) {
		buf_add_str(&text,
			".TH ROOKERY.CONF 5 \"\" \"Rookery " ROOKERY_VERSION
			"\" \"File Formats\"\n.SH NAME\nrookery.conf \\- what the mail server "
			"rookery does, and where\n.SH DESCRIPTION\nOptions end in a semicolon, "
			"blocks "
			"stand in braces, comments begin with #. Unknown options are errors. "
			"\\fBrookery config check\\fR reads the file and says what is wrong; "
			"\\fBrookery config sample\\fR prints one with every option; SIGHUP to "
			"\\fBrookery serve\\fR reads it again.\n.SH OPTIONS\n");
		conf_write_manual(&text);
		buf_add_str(&text,
			".SH FILES\n.I " CLI_CONFIG_DEFAULT "\n.SH SEE ALSO\n.BR rookery (1)\n");
		return print(&text);
	}
	if (strcmp(verb, "explain") == 0 && argc == 2) {
		if (conf_explain(slice_str(argv[1]), &text, &err) < 0)
			return cli_fail(cli, CLI_FAILED, "%s", err.text);
		return print(&text);
	}
	bool show = strcmp(verb, "show") == 0;
	if ((!show && strcmp(verb, "check") != 0) || argc != 1)
		return cli_fail(cli, CLI_USAGE,
			"expected config check, show, sample, manual, or explain OPTION");
	int r = cli_load_settings(cli);
	if (r != CLI_DONE)
		return r;
	if (show) {
		conf_settings_write(cli->settings, &text);
		(void)print(&text);
	} else {
		printf("%s is fine.\n", cli->config);
		if (cli->settings->common_fault[0])
			printf("Common options are not gone by: %s\n", cli->settings->common_fault);
	}
	conf_settings_free(cli->settings);
	return CLI_DONE;
}
