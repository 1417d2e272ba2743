#pragma once
// Models by name: opened when first asked for, loaded on demand by one thread, unloaded when nobody wants them. What does not
// fit into memory is refused with numbers before a byte of it is read.
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/options/options.h"
#include "base/result.h"
#include "service/served_model.h"

namespace hearth::service {

struct LibraryOptions {
  ModelOptions model;
  std::string template_file, models_dir;
  // Per model: how many sequences run and wait, the scheduling, and the cache's memory, where 0 is what remains after the
  // weights, as far as all running sequences need it.
  engine::EngineOptions engine;
  std::chrono::seconds keep_alive{0};  // of a model that nobody uses; 0: for ever
  GenerationOptions generation;      // what requests start from, and how strongly each option was set
  std::vector<std::pair<std::string, options::Source>> generation_sources;
};

// Keeps a model loaded while it lives.
using ModelLease = std::shared_ptr<ServedModel>;

struct ModelStatus {
  std::string name, path;
  enum class State : uint8_t { kKnown, kLoading, kLoaded, kFailed } state = State::kKnown;
  uint32_t context = 0, users = 0;   // loaded ones
  uint64_t weight_bytes = 0;         // 0: not opened yet
  engine::EngineStats stats;
};

class ModelLibrary {
 public:
  // `models`: PATH or NAME=PATH. Nothing is loaded yet. Errors: kNotFound, kUsage for a name that stands twice.
  static Result<std::unique_ptr<ModelLibrary>> open(LibraryOptions options, std::span<const std::string> models);
  ~ModelLibrary();  // every lease must be with an engine or gone

  // "" and "default" are the model that was loaded first, or stands first. Errors: kNotFound with the names there are.
  Result<std::string> resolve(std::string_view name);

  // What requests to a model start from: its makers' recommendations under what the server's options say. Opens its files.
  Result<GenerationOptions> defaults(const std::string& name);

  // Calls `ready` with the model, now or from the loading thread. Errors: kBusy when too many wait for it to load, kDoesNotFit with bytes
  // needed and available, kUnavailable once closing, those of loading.
  using Ready = std::function<void(Result<ModelLease>)>;
  void acquire(const std::string& name, Ready ready);

  Result<void> unload(const std::string& name);  // kBusy while it is used
  void close();                                  // nothing is loaded any more; who waits is refused

  std::vector<ModelStatus> list();               // in order; looks into models_dir again
  bool is_ready() const;                         // nothing is being loaded for the first time
  const LibraryOptions& options() const { return options_; }

  std::function<void(const ServedModel&)> on_loaded;  // set before the first acquire(); on the loading thread

 private:
  struct Entry {
    std::string name, path;
    std::mutex opening;                // held while the files are read, which takes a while
    std::optional<ModelFiles> files;
    std::optional<GenerationOptions> defaults;  // with the files
    std::unique_ptr<ServedModel> served;
    ModelStatus::State state = ModelStatus::State::kKnown;
    uint32_t users = 0;
    std::chrono::steady_clock::time_point used;
    std::vector<Ready> waiting;
  };

  explicit ModelLibrary(LibraryOptions options);
  Result<void> add(const std::string& spec);
  std::vector<std::string> paths_in_folder() const;
  void take_in(std::span<const std::string> paths);
  Entry* find(std::string_view name);
  Result<ModelFiles> files_of(Entry& entry);
  bool is_alone() const;  // of all known models
  GenerationOptions defaults_of(const std::string& name, const ModelFiles& files) const;
  ModelLease lease(Entry& entry);
  void release(Entry& entry);

  void run();
  void load(Entry& entry);
  Result<std::unique_ptr<ServedModel>> load_files(Entry& entry);
  std::unique_ptr<ServedModel> take_idle(std::string_view why, const std::function<bool(const Entry&)>& may_go);
  void unload_idle();

  const LibraryOptions options_;
  mutable std::mutex mutex_;                       // guards what follows
  std::condition_variable news_;
  std::vector<std::unique_ptr<Entry>> entries_;    // never removed
  std::set<std::string> refused_;                  // paths of the folder that were told of
  std::string first_loaded_;
  std::deque<Entry*> wanted_;
  bool is_closing_ = false;
  std::thread thread_;
};

}  // namespace hearth::service
