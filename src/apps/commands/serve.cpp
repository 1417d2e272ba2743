// hearth serve: models over HTTP.
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>

#include "api/services.h"
#include "api/traces/exporter.h"
#include "apps/command.h"
#include "base/file.h"
#include "base/http_client.h"
#include "base/log.h"
#include "base/size_text.h"
#include "service/generation_options.h"
#include "service/model_library.h"

namespace hearth::apps {

namespace {

struct ServeOptions {
  std::string host = "127.0.0.1";
  uint32_t port = 8080;
  std::string unix_socket, tls_certificate, tls_key;
  std::vector<std::string> keys, admin_keys, hosts, origins;
  std::string key_file, admin_key_file;
  uint32_t drain_seconds = 30, keep_alive_seconds = 0;
  std::string models_dir, template_file;
  uint32_t parallel = 4, queue = 256;
  double max_itl = 0.2;
  std::string kv_memory, swap_memory, swap_dir, prefix_cache_dir, prefix_cache_size = "16GiB", policy = "fcfs";
  bool normalizes_prompts = false, explains_misses = false;
  std::string overflow = "refuse", log_format = "text", otlp_endpoint;
  service::ModelOptions model;
  service::GenerationOptions generation;
};

void visit_options(options::OptionList& v, ServeOptions& o) {
  using options::any;
  using options::in_range;
  using options::one_of;
  v.section("Address");
  v("host", o.host, "address to listen on; any but this machine's own needs an API key", any().named("ADDRESS"));
  v("port", o.port, "port to listen on; 0 is any free one", in_range(0, 65535));
  v("unix-socket", o.unix_socket, "listen on a unix socket instead", any().named("PATH"));
  v("tls-cert", o.tls_certificate, "serve HTTPS with this certificate chain", any().named("FILE"));
  v("tls-key", o.tls_key, "the private key of the certificate", any().named("FILE"));
  v.section("Access");
  v("api-key", o.keys, "a key that clients must send; may be given several times", any().named("KEY"));
  v("api-key-file", o.key_file, "a file of such keys, one a line", any().named("FILE"));
  v("admin-key", o.admin_keys, "a key for the routes under /admin, which are off without one", any().named("KEY"));
  v("admin-key-file", o.admin_key_file, "a file of such keys, one a line", any().named("FILE"));
  v("allow-host", o.hosts, "a name by which clients may call the server; may be given several times", any().named("NAME"));
  v("allow-origin", o.origins, "an origin whose web pages may ask; may be given several times", any().named("ORIGIN"));
  v.section("Serving");
  v("models-dir", o.models_dir, "serve every model of this folder, loaded on demand", any().named("FOLDER"));
  v("template", o.template_file, "use this chat template instead of the models' own", any().named("FILE"));
  v("parallel", o.parallel, "answers made at once, per model", in_range(1, 1024));
  v("queue", o.queue, "requests that may wait beyond those, per model", in_range(1, 1 << 20));
  v("max-itl", o.max_itl, "seconds that prompts may delay the next token of running answers; 0 is no limit", in_range(0, 3600));
  v("policy", o.policy, "which waiting request starts first", one_of({"fcfs", "longest-prefix", "priority"}));
  v("kv-memory", o.kv_memory, "memory for keys and values, per model", any().named("SIZE").or_else("what remains"));
  v("swap-memory", o.swap_memory, "room for the cache of answers that gave way to others, per model", any().named("SIZE").or_else("none: computed again"));
  v("swap-dir", o.swap_dir, "have that room on disk, in a file of this folder", any().named("FOLDER").or_else("in memory"));
  v("prefix-cache-dir", o.prefix_cache_dir, "keep computed prompts in this folder, for the next start", any().named("FOLDER"));
  v("prefix-cache-size", o.prefix_cache_size, "what that folder may hold, per model", any().named("SIZE"));
  v("normalize-prompts", o.normalizes_prompts, "drop lines that coding agents put before system prompts and change with every request, so that the cache finds the rest");
  v("explain-misses", o.explains_misses, "log where a prompt leaves the last one of the same key, and both texts there");
  v("keep-alive", o.keep_alive_seconds, "unload a model that nobody used for N seconds; 0 keeps it", in_range(0, 1 << 30));
  v("overflow", o.overflow, "what becomes of a conversation longer than the context", one_of({"refuse", "truncate-oldest-turns"}));
  v("drain-timeout", o.drain_seconds, "seconds that running answers get when the server is told to stop", in_range(0, 86400));
  v("log-format", o.log_format, "how log lines are written", one_of({"text", "json"}));
  v("otlp-endpoint", o.otlp_endpoint, "send a trace of each request to this OpenTelemetry collector",
    any().named("URL").or_else("$OTEL_EXPORTER_OTLP_ENDPOINT"));
  visit(v, o.model);
  visit(v, o.generation);
}

// Lines that are not empty and do not begin with '#'.
Result<void> read_keys(const std::string& path, std::vector<std::string>& keys) {
  HEARTH_TRY(text, read_text_file(path, 1 << 20));
  const size_t before = keys.size();
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string line = text.substr(at, end - at);
    at = end + 1;
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (!line.empty() && line[0] != '#') keys.push_back(std::move(line));
  }
  if (keys.size() == before) return fail(ErrorCode::kConfig, "{}: holds no key", path);
  return {};
}

// Connections, caches and models take descriptors; the usual soft limit is no more than connections alone may be.
void raise_descriptor_limit() {
  constexpr rlim_t kEnough = 65536;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= kEnough) return;
  limit.rlim_cur = std::min(limit.rlim_max, kEnough);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

class Serve final : public Command {
 public:
  void visit(options::OptionList& v) override { visit_options(v, options_); }

  Result<void> run(const Invocation& call) override {
    if (call.arguments.empty() && options_.models_dir.empty())
      return fail(ErrorCode::kUsage, "no model: name a file or folder, or give a folder of models with --models-dir");
    HEARTH_TRY(access, access_options(call.options));
    std::signal(SIGPIPE, SIG_IGN);  // whoever started it may have stopped reading what it says
    raise_descriptor_limit();
    log::set_format(options_.log_format == "json" ? log::Format::kJson : log::Format::kText);
    HEARTH_TRY(library_options, library_options(call.options));
    api::Metrics metrics;
    HEARTH_TRY(traces, exporter(call.console));
    HEARTH_TRY(server, api::Server::listen(server_options(metrics)));
    HEARTH_TRY(library, service::ModelLibrary::open(std::move(library_options), call.arguments));
    return serve(call, access, *server, std::move(library), metrics, traces.get());
  }

 private:
  Result<api::AccessOptions> access_options(options::OptionList& given) {
    for (const char* name : {"api-key", "admin-key"}) {  // an empty text clears a list, and a server without keys is open
      const options::Option& keys = *given.find(name);
      if (keys.source > options::Source::kDefault && keys.value_text().empty())
        return fail(ErrorCode::kUsage, "--{} is given by {} and empty; leave it out for a server without keys", name, source_name(keys.source));
    }
    if (!options_.key_file.empty()) HEARTH_TRY_VOID(read_keys(options_.key_file, options_.keys));
    if (!options_.admin_key_file.empty()) HEARTH_TRY_VOID(read_keys(options_.admin_key_file, options_.admin_keys));
    const bool is_local = !options_.unix_socket.empty() || api::is_loopback(options_.host);
    if (!is_local && options_.keys.empty())
      return fail(ErrorCode::kUsage, "listening on {} lets others in: give an API key with --api-key or --api-key-file", options_.host);
    if (options_.tls_certificate.empty() != options_.tls_key.empty())
      return fail(ErrorCode::kUsage, "--tls-cert and --tls-key belong together");
    return api::AccessOptions{.keys = options_.keys, .admin_keys = options_.admin_keys,
                              .checks_host = options_.unix_socket.empty() && (is_local || !options_.hosts.empty()),
                              .hosts = options_.hosts, .origins = options_.origins};
  }

  api::ServerOptions server_options(api::Metrics& metrics) const {
    api::ServerOptions out;
    out.host = options_.host;
    out.port = static_cast<uint16_t>(options_.port);
    out.unix_socket = options_.unix_socket;
    out.tls_certificate = options_.tls_certificate;
    out.tls_key = options_.tls_key;
    out.drain_time = std::chrono::seconds(options_.drain_seconds);
    out.answered = [&metrics](int status) { metrics.answered(status); };
    return out;
  }

  // Where traces go, or null. The variables are those that every program with OpenTelemetry reads.
  Result<std::unique_ptr<api::Exporter>> exporter(const Console& console) const {
    const auto variable = [](const char* name) -> std::string {
      const char* value = std::getenv(name);
      return value == nullptr ? "" : value;
    };
    const std::string base = options_.otlp_endpoint.empty() ? variable("OTEL_EXPORTER_OTLP_ENDPOINT") : options_.otlp_endpoint;
    if (base.empty()) return nullptr;
    HEARTH_TRY_VOID(http::check_url(base));
    api::ExporterOptions out{.url = api::traces_url(base), .version = HEARTH_VERSION};
    if (const std::string service = variable("OTEL_SERVICE_NAME"); !service.empty()) out.service = service;
    console.note(fmt::format("traces go to {}", out.url));
    return std::make_unique<api::Exporter>(std::move(out));
  }

  static Result<void> read_size(std::string_view option, const std::string& text, uint64_t& bytes) {
    if (text.empty()) return {};
    const auto parsed = parse_size(text);
    if (!parsed) return at(option, parsed.error());
    bytes = *parsed;
    return {};
  }

  Result<service::LibraryOptions> library_options(options::OptionList& given) const {
    service::LibraryOptions out;
    out.model = options_.model;
    out.template_file = options_.template_file;
    out.models_dir = options_.models_dir;
    out.engine.max_sequences = options_.parallel;
    out.engine.max_waiting = options_.queue;
    out.engine.max_itl = options_.max_itl;
    out.engine.policy = options_.policy == "priority"         ? engine::Policy::kPriority
                        : options_.policy == "longest-prefix" ? engine::Policy::kLongestPrefix
                                                              : engine::Policy::kFcfs;
    out.keep_alive = std::chrono::seconds(options_.keep_alive_seconds);
    out.engine.disk_cache.folder = options_.prefix_cache_dir;
    out.engine.swap_folder = options_.swap_dir;
    HEARTH_TRY_VOID(read_size("--kv-memory", options_.kv_memory, out.engine.kv_memory_bytes));
    HEARTH_TRY_VOID(read_size("--swap-memory", options_.swap_memory, out.engine.swap_bytes));
    HEARTH_TRY_VOID(read_size("--prefix-cache-size", options_.prefix_cache_size, out.engine.disk_cache.max_bytes));
    out.generation = options_.generation;
    service::GenerationOptions names;
    options::OptionList list;
    service::visit(list, names);
    for (const auto& option : list.all()) out.generation_sources.emplace_back(option.name, given.find(option.name)->source);
    return out;
  }

  Result<void> serve(const Invocation& call, const api::AccessOptions& access, api::Server& server,
                     std::unique_ptr<service::ModelLibrary> library, api::Metrics& metrics, api::Exporter* traces) {
    api::Services services{.library = *library, .metrics = metrics, .server = server, .traces = traces};
    services.normalizes_prompts = options_.normalizes_prompts;
    services.explains_misses = options_.explains_misses;
    services.has_keys = !options_.keys.empty();
    if (options_.overflow == "truncate-oldest-turns") services.overflow = api::Overflow::kTruncateOldestTurns;
    const api::Router router = make_router(access, services);
    library->on_loaded = [&](const service::ServedModel& model) { announce(call.console, server, model); };
    std::optional<Error> failure;  // of the first model; written before stop(), read after run()
    if (call.arguments.empty()) call.console.print(fmt::format("{} serves the models of {}\n", server.address(), options_.models_dir));
    else
      library->acquire(*library->resolve(""), [&](Result<service::ModelLease> model) {
        if (model) return;
        failure = model.error();
        server.stop();
      });
    server.run([&router](auto request, auto writer) { router.handle(std::move(request), std::move(writer)); },
               [&router](const api::Request& head) { return router.admits(head); },
               [&] {
                 services.is_draining = true;
                 library->close();
               });
    library.reset();  // what it still runs or loads speaks to all of the above
    if (failure && failure->code != ErrorCode::kUnavailable) return Failure(*failure);
    return {};
  }

  void announce(const Console& console, const api::Server& server, const service::ServedModel& model) const {
    if (console.json())
      console.print(Json::object({{"address", server.address()}, {"model", model.name()}, {"context", model.context()},
                                  {"kv_bytes", model.loaded().engine().kv_bytes()}, {"parallel", options_.parallel}}).dump() + "\n");
    else
      console.print(fmt::format("{} serves {}: {}, {} in parallel\n", server.address(), model.name(), model.loaded().engine().summary(),
                                options_.parallel));
  }

  ServeOptions options_;
};

}  // namespace

extern const CommandFacts kServe{
    .name = "serve",
    .arguments = "[MODEL...]",
    .summary = "answer requests over HTTP, as OpenAI's API has them",
    .notes = "A MODEL is a file or a folder, or NAME=PATH. The first one is loaded at once and is also called 'default'.\n"
             "SIGTERM and Ctrl-C let running answers finish (--drain-timeout); a second one ends them.",
    .min_arguments = 0,
    .max_arguments = 64,
    .make = &make_command<Serve>};

}  // namespace hearth::apps
