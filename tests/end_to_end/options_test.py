"""Where option values come from: flag > variable > config file > model > default; and docs/options.md is what the options say."""
import json
import sys

from harness import Case, ROOT, main, needs_stories, stories


class Documentation(Case):
    def test_options_md_is_current(self):
        self.assertEqual(self.hearth("help", "--markdown").stdout, (ROOT / "docs" / "options.md").read_text(),
                         "regenerate with: hearth help --markdown > docs/options.md")


class Mistakes(Case):
    def test_config_file(self):
        path = self.write(".config/hearth/config.toml", "\ntemprature = 1\n")
        self.refused("show", "m", code=78, sentence=f"{path}: line 2: there is no option 'temprature'; did you mean temperature?")
        self.write(".config/hearth/config.toml", "top_p = 2\n")
        self.refused("run", "m", code=78, sentence=f"{path}: line 1: top_p takes a number from 0 to 1; it was given '2'")
        self.write(".config/hearth/config.toml", "top_p = \n")
        self.assertTrue(self.hearth("show", "m", code=78).stderr.startswith(f"hearth: {path}: line 1: "))
        for asks_for_help in (["help"], ["help", "run"], ["run", "--help"], ["version"]):
            self.hearth(*asks_for_help)

    def test_keys_of_other_commands_are_welcome(self):
        self.write(".config/hearth/config.toml", "temperature = 0.5\nthreads = 1\n")
        self.assertEqual(self.hearth("show", "m", code=66).stderr, "hearth: m: no such file\n")

    def test_xdg_config_home(self):
        path = self.write("elsewhere/hearth/config.toml", "nonsense = 1\n")
        run = self.hearth("show", "m", env={"XDG_CONFIG_HOME": str(self.home / "elsewhere")}, code=78)
        self.assertIn(path, run.stderr)

    def test_variables(self):
        self.refused("run", "m", env={"HEARTH_TOP_K": "many"}, code=78,
                     sentence="HEARTH_TOP_K takes a whole number, 0 or more; it was given 'many'")
        run = self.hearth("show", "m", env={"HEARTH_TOPK": "1"}, code=66)
        self.assertTrue(run.stderr.startswith("warning: the variable HEARTH_TOPK is unknown and ignored; did you mean HEARTH_TOP_K?\n"))
        self.assertNotIn("TOPK", self.hearth("show", "m", "--quiet", env={"HEARTH_TOPK": "1"}, code=66).stderr)
        run = self.hearth("serve", "m", env={"HEARTH_PORT": "tcp://10.0.0.1:8080"}, code=66)
        self.assertIn("HEARTH_PORT is ignored: tcp://10.0.0.1:8080 is a service link of Kubernetes", run.stderr)

    def test_switches_take_no_word(self):
        self.refused("run", "m", "--stats", "off", code=2,
                     sentence="--stats takes no word after it: write --stats=off, or -- before a word that is meant by itself")
        self.refused("run", "m", "--no-stats", "off", code=2,
                     sentence="--no-stats takes no word after it: write --stats=off, or -- before a word that is meant by itself")
        for given in (["--stats=off"], ["--no-stats"], ["--stats", "--", "off"]):
            self.hearth("run", *given[:1], "m", *given[1:], code=66)

    def test_keys_that_are_empty_do_not_open_a_server(self):
        for flags, env in ((["--api-key", ""], {}), (["--api-key", "a", "--api-key", ""], {}), ([], {"HEARTH_API_KEY": "\n"}),
                           (["--admin-key", ""], {})):
            run = self.hearth("serve", "m", *flags, env=env, code=2)
            self.assertIn("and empty; leave it out for a server without keys", run.stderr)


@needs_stories
class Precedence(Case):
    def length(self, *flags, **env):
        run = self.hearth("run", stories(), "Once", "--raw", "--temperature", "0", "--json", *flags, env=env)
        return json.loads(run.stdout)["counts"]["generated_tokens"]

    def test_flag_over_variable_over_config(self):
        self.write(".config/hearth/config.toml", "max_tokens = 3\n")
        self.assertEqual(self.length(), 3)
        self.assertEqual(self.length(HEARTH_MAX_TOKENS="4"), 4)
        self.assertEqual(self.length("--max-tokens", "5", HEARTH_MAX_TOKENS="4"), 5)
        self.assertEqual(self.length("-n", "5"), 5)

    def test_lists_are_replaced_by_stronger_sources(self):
        self.write(".config/hearth/config.toml", 'stop = ["there", "time"]\n')

        def text(*flags):
            return self.hearth("run", stories(), "Once", "--raw", "--temperature", "0", "--quiet", "-n", "9", *flags).stdout
        self.assertEqual(text(), " upon a ")
        self.assertEqual(text("--stop", "upon"), " ")


if __name__ == "__main__":
    sys.exit(main())
