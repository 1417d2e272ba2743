#include "service/model_library.h"

#include <algorithm>
#include <filesystem>

#include "base/check.h"
#include "base/cpu_info.h"
#include "base/file.h"
#include "base/log.h"
#include "service/ember.h"

namespace hearth::service {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using State = ModelStatus::State;

constexpr double kGiB = 1 << 30;

// A split model is named and opened by its first part.
constexpr std::string_view kFirstPart = "-00001-of-";

bool is_later_part(std::string_view stem) {
  const size_t of = stem.rfind("-of-");
  return of != stem.npos && of >= 6 && stem[of - 6] == '-' && stem.substr(of - 6, kFirstPart.size()) != kFirstPart;
}

std::string model_name(const fs::path& path) {
  const fs::path plain = path.lexically_normal();
  std::string name = (plain.has_filename() ? plain : plain.parent_path()).filename().string();
  for (std::string_view ending : {".gguf", ".safetensors"})
    if (name.ends_with(ending)) name.resize(name.size() - ending.size());
  return name.substr(0, name.find(kFirstPart));
}

bool is_model(const fs::path& path) {
  if (!is_folder(path)) return path.extension() == ".gguf" && !is_later_part(path.stem().string());
  return file_exists(path / "config.json");
}

}  // namespace

ModelLibrary::ModelLibrary(LibraryOptions options) : options_(std::move(options)) {}

Result<std::unique_ptr<ModelLibrary>> ModelLibrary::open(LibraryOptions options, std::span<const std::string> models) {
  std::unique_ptr<ModelLibrary> library(new ModelLibrary(std::move(options)));
  for (const auto& spec : models) HEARTH_TRY_VOID(library->add(spec));
  const std::string& folder = library->options_.models_dir;
  if (!folder.empty() && !is_folder(folder)) return fail(ErrorCode::kNotFound, "the folder of models '{}' does not exist", folder);
  library->take_in(library->paths_in_folder());
  library->thread_ = std::thread([self = library.get()] { self->run(); });
  return library;
}

ModelLibrary::~ModelLibrary() {
  close();
  if (thread_.joinable()) thread_.join();
  for (auto& entry : entries_) entry->served.reset();  // drops its requests, whose leases still need the entry
}

void ModelLibrary::close() {
  {
    const std::lock_guard lock(mutex_);
    is_closing_ = true;
  }
  news_.notify_one();
}

Result<void> ModelLibrary::add(const std::string& spec) {
  const size_t equals = spec.find('=');
  const bool has_name = equals != spec.npos && !file_exists(spec) && !is_folder(spec);
  const std::string path = has_name ? spec.substr(equals + 1) : spec;
  const std::string name = has_name ? spec.substr(0, equals) : model_name(path);
  if (name.empty() || name == "default") return fail(ErrorCode::kUsage, "'{}' gives a model no name of its own", spec);
  if (path != kEmberName && !file_exists(path) && !is_folder(path))
    return fail(ErrorCode::kNotFound, "{}: there is no such file or folder", path);
  if (find(name) != nullptr) return fail(ErrorCode::kUsage, "two models are named '{}'; give one another name with NAME=PATH", name);
  auto entry = std::make_unique<Entry>();
  entry->name = name;
  entry->path = path;
  entries_.push_back(std::move(entry));
  return {};
}

// Not under the lock: the folder may be on a slow disk.
std::vector<std::string> ModelLibrary::paths_in_folder() const {
  std::vector<std::string> paths;
  if (options_.models_dir.empty()) return paths;
  const auto names = names_in(options_.models_dir);
  if (!names) return log::warn("{}", names.error().text()), paths;
  for (const std::string& name : *names)
    if (std::string path = (fs::path(options_.models_dir) / name).string(); is_model(path)) paths.push_back(std::move(path));
  return paths;
}

// New files are taken in; what was there stays, under its name, even when its file is gone.
void ModelLibrary::take_in(std::span<const std::string> paths) {
  for (const std::string& path : paths) {
    const bool is_known = std::ranges::any_of(entries_, [&](const auto& entry) { return entry->path == path; });
    if (is_known) continue;
    if (const auto added = add(path); !added && refused_.insert(path).second) log::warn("{} is not served: {}", path, added.error().text());
  }
}

ModelLibrary::Entry* ModelLibrary::find(std::string_view name) {
  const auto found = std::ranges::find(entries_, name, [](const auto& entry) -> std::string_view { return entry->name; });
  return found == entries_.end() ? nullptr : found->get();
}

Result<std::string> ModelLibrary::resolve(std::string_view name) {
  {
    const std::lock_guard lock(mutex_);
    if (name.empty() || name == "default") {
      if (!first_loaded_.empty()) return first_loaded_;
      if (!entries_.empty()) return entries_.front()->name;
    }
    if (const Entry* entry = find(name)) return entry->name;
  }
  const auto paths = paths_in_folder();
  const std::lock_guard lock(mutex_);
  take_in(paths);
  if (const Entry* entry = find(name)) return entry->name;
  std::string names;
  for (size_t i = 0; i < std::min<size_t>(entries_.size(), 20); ++i) names += (i == 0 ? "" : ", ") + entries_[i]->name;
  return fail(ErrorCode::kNotFound, "there is no model '{}'; this server has: {}", name.substr(0, 200), names.empty() ? "none" : names);
}

// Not under the lock. Files of a model that is not loaded are opened again when they have changed.
Result<ModelFiles> ModelLibrary::files_of(Entry& entry) {
  const std::lock_guard opening(entry.opening);
  std::optional<ModelFiles> known;
  bool is_loaded = false;
  {
    const std::lock_guard lock(mutex_);
    known = entry.files;
    is_loaded = entry.served != nullptr;
  }
  if (known && (is_loaded || known->is_unchanged())) return *std::move(known);
  HEARTH_TRY(files, ModelFiles::open(entry.path, options_.template_file));
  const GenerationOptions defaults = defaults_of(entry.name, files);
  const std::lock_guard lock(mutex_);
  entry.files = files;
  entry.defaults = defaults;
  return files;
}

GenerationOptions ModelLibrary::defaults_of(const std::string& name, const ModelFiles& files) const {
  GenerationOptions generation = options_.generation;
  options::OptionList list;
  visit(list, generation);
  for (const auto& [option, source] : options_.generation_sources) list.find(option)->source = source;
  for (const auto& refused : apply_model_defaults(list, files.defaults())) log::warn("{}: {}", name, refused);
  return generation;
}

Result<GenerationOptions> ModelLibrary::defaults(const std::string& name) {
  Entry* entry = nullptr;
  {
    const std::lock_guard lock(mutex_);
    entry = find(name);
    HEARTH_CHECK(entry != nullptr, "an unresolved name");
    if (entry->defaults && entry->served != nullptr) return *entry->defaults;
  }
  HEARTH_TRY_VOID(files_of(*entry));
  const std::lock_guard lock(mutex_);
  return *entry->defaults;
}

ModelLease ModelLibrary::lease(Entry& entry) {
  ++entry.users;
  return ModelLease(entry.served.get(), [this, &entry](ServedModel*) { release(entry); });
}

void ModelLibrary::release(Entry& entry) {
  const std::lock_guard lock(mutex_);
  --entry.users;
  entry.used = Clock::now();
}

void ModelLibrary::acquire(const std::string& name, Ready ready) {
  Result<ModelLease> answer = ModelLease();
  {
    const std::lock_guard lock(mutex_);
    Entry* entry = find(name);
    HEARTH_CHECK(entry != nullptr, "an unresolved name");
    const size_t most = options_.engine.max_waiting;
    if (is_closing_) {
      answer = fail(ErrorCode::kUnavailable, "the server is shutting down");
    } else if (entry->served != nullptr) {
      answer = lease(*entry);
    } else if (entry->waiting.size() >= most) {
      answer = fail(ErrorCode::kBusy, "{} requests wait for '{}' to be loaded; try again later", most, name);
    } else {
      entry->waiting.push_back(std::move(ready));
      if (entry->waiting.size() == 1) wanted_.push_back(entry);
      entry->state = State::kLoading;
    }
  }
  if (ready) ready(std::move(answer));
  else news_.notify_one();
}

Result<void> ModelLibrary::unload(const std::string& name) {
  std::unique_ptr<ServedModel> gone;
  const std::lock_guard lock(mutex_);
  Entry* entry = find(name);
  HEARTH_CHECK(entry != nullptr, "an unresolved name");
  if (entry->users > 0 || !entry->waiting.empty()) return fail(ErrorCode::kBusy, "'{}' is in use by {} requests", name, entry->users + entry->waiting.size());
  gone = std::move(entry->served);
  entry->state = State::kKnown;
  return {};
}

std::vector<ModelStatus> ModelLibrary::list() {
  const auto paths = paths_in_folder();
  const std::lock_guard lock(mutex_);
  take_in(paths);
  std::vector<ModelStatus> out;
  for (const auto& entry : entries_) {
    ModelStatus status{entry->name, entry->path, entry->state, 0, entry->users, 0, {}};
    if (entry->files) status.weight_bytes = entry->files->checkpoint().total_bytes();
    if (entry->served != nullptr) status.context = entry->served->context(), status.stats = entry->served->stats();
    out.push_back(std::move(status));
  }
  return out;
}

bool ModelLibrary::is_ready() const {
  const std::lock_guard lock(mutex_);
  return !is_closing_ && (!first_loaded_.empty() || wanted_.empty());
}

// The loading thread: loads what is wanted, and looks for what nobody wants.
void ModelLibrary::run() {
  std::unique_lock lock(mutex_);
  const auto is_wanted = [this] { return is_closing_ || !wanted_.empty(); };
  while (!is_closing_) {
    Entry* entry = wanted_.empty() ? nullptr : wanted_.front();
    lock.unlock();
    if (entry != nullptr) load(*entry);
    else if (options_.keep_alive.count() > 0) unload_idle();
    lock.lock();
    if (entry != nullptr) wanted_.pop_front();
    else if (options_.keep_alive.count() > 0) news_.wait_for(lock, std::chrono::seconds(1), is_wanted);
    else news_.wait(lock, is_wanted);
  }
  std::vector<Ready> refused;
  for (const auto& entry : entries_)
    for (auto& ready : std::exchange(entry->waiting, {})) refused.push_back(std::move(ready));
  lock.unlock();
  for (const auto& ready : refused) ready(fail(ErrorCode::kUnavailable, "the server is shutting down"));
}

void ModelLibrary::load(Entry& entry) {
  auto served = [&]() -> Result<std::unique_ptr<ServedModel>> {
    try {
      return load_files(entry);
    } catch (const std::bad_alloc&) {
      return fail(ErrorCode::kDoesNotFit, "memory ran out while '{}' was loaded", entry.name);
    }
  }();
  ModelLease announced;
  std::vector<Ready> waiting;
  std::vector<Result<ModelLease>> answers;
  {
    const std::lock_guard lock(mutex_);
    waiting.swap(entry.waiting);
    entry.used = Clock::now();
    entry.state = served ? State::kLoaded : State::kFailed;
    if (served) {
      entry.served = std::move(*served);
      if (first_loaded_.empty()) first_loaded_ = entry.name;
      announced = lease(entry);
      for (size_t i = 0; i < waiting.size(); ++i) answers.emplace_back(lease(entry));
    } else {
      log::warn("model '{}' cannot be loaded: {}", entry.name, served.error().text());
      answers.assign(waiting.size(), Failure(served.error()));
    }
  }
  if (announced != nullptr && on_loaded) on_loaded(*announced);
  for (size_t i = 0; i < waiting.size(); ++i) waiting[i](std::move(answers[i]));
}

bool ModelLibrary::is_alone() const {
  const std::lock_guard lock(mutex_);
  return entries_.size() == 1;
}

// A model that is the only one may take nearly everything; one of several leaves half to the others.
Result<std::unique_ptr<ServedModel>> ModelLibrary::load_files(Entry& entry) {
  HEARTH_TRY(files, files_of(entry));
  const uint64_t weights = files.checkpoint().total_bytes(), cache = options_.engine.kv_memory_bytes;
  uint64_t available = 0;
  while (weights + cache > (available = available_memory_bytes())) {
    const auto gone = take_idle("to make room", [](const Entry&) { return true; });
    if (gone != nullptr) continue;
    return fail(ErrorCode::kDoesNotFit, "'{}' needs {:.2f} GiB for weights and {:.2f} GiB for its cache; {:.2f} GiB are available",
                entry.name, weights / kGiB, cache / kGiB, available / kGiB);
  }
  const double share = is_alone() ? 0.8 : 0.5;
  const auto remaining = static_cast<uint64_t>(static_cast<double>(available - weights) * share);
  engine::EngineOptions engine_options = options_.engine;
  if (cache == 0) engine_options.kv_memory_bytes = remaining;
  HEARTH_TRY(loaded, LoadedModel::load(std::move(files), options_.model, engine_options));
  return ServedModel::make(entry.name, std::move(loaded));
}

// The model that nobody has used for longest, if it may go; the caller destroys it, which waits for its engine's step.
std::unique_ptr<ServedModel> ModelLibrary::take_idle(std::string_view why, const std::function<bool(const Entry&)>& may_go) {
  const std::lock_guard lock(mutex_);
  Entry* oldest = nullptr;
  for (const auto& entry : entries_)
    if (entry->served != nullptr && entry->users == 0 && (oldest == nullptr || entry->used < oldest->used)) oldest = entry.get();
  if (oldest == nullptr || !may_go(*oldest)) return nullptr;
  log::info("model '{}' is unloaded {}", oldest->name, why);
  oldest->state = State::kKnown;
  return std::move(oldest->served);
}

void ModelLibrary::unload_idle() {
  const auto is_old = [this](const Entry& entry) { return Clock::now() - entry.used >= options_.keep_alive; };
  while (take_idle(fmt::format("after {} s without use", options_.keep_alive.count()), is_old) != nullptr) {
  }
}

}  // namespace hearth::service
