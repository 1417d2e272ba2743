// What serving needs of the services: answers made by an engine of another thread, models by name, conversations shortened.
#include <gtest/gtest.h>

#include <condition_variable>
#include <filesystem>
#include <future>
#include <mutex>

#include "base/test_folder.h"
#include "runner/shared_data.h"
#include "service/chat_service.h"
#include "service/completion_service.h"
#include "service/engine_thread.h"
#include "service/model_library.h"
#include "service/overflow.h"
#include "service/test/fakes.h"

namespace hearth::service {
namespace {

using namespace testing;
using namespace std::chrono_literals;

// Joins what it hears, until the end that a test waits for.
class Waiter final : public EventReceiver {
 public:
  void on_generated(uint32_t tokens) override { generated = tokens; }
  void on_token(const TokenReport& token) override { tokens.push_back(token.chosen.text); }
  void on_delta(const Delta& delta) override { text += delta.text; }
  void on_end(const Result<Outcome>& outcome) override {
    const std::lock_guard lock(mutex_);
    end_ = outcome;
    came_.notify_all();
  }
  Result<Outcome> wait() {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(came_.wait_for(lock, 10s, [this] { return end_.has_value(); }));
    return *end_;
  }
  std::string text;
  std::vector<std::string> tokens;
  uint32_t generated = 0;

 private:
  std::mutex mutex_;
  std::condition_variable came_;
  std::optional<Result<Outcome>> end_;
};

struct Asked {
  explicit Asked(ScriptedEngine& engine) : completion(tokenizer, engine) {}
  std::shared_ptr<Generation> start(GenerationOptions options) {
    const std::shared_ptr<EventReceiver> receiver = waiter;
    return (*completion.submit(completion.prepare({.prompt = "x", .generation = {}}), options, {&receiver, 1}))[0];
  }
  ByteTokenizer tokenizer;
  CompletionService completion;
  std::shared_ptr<Waiter> waiter = std::make_shared<Waiter>();
};

TEST(Submitted, IsToldWhatTheSynchronousCallReturns) {
  ScriptedEngine engine(bytes_of("hello world"));
  Asked asked(engine);
  GenerationOptions options;
  options.stop = {"wor"};
  options.logprobs = 0;
  options.seed = 5;
  asked.start(options);
  while (engine.step()) {
  }
  const auto outcome = asked.waiter->wait();
  EXPECT_EQ(outcome->reason, FinishReason::kStopString);
  EXPECT_EQ(outcome->text, "hello ");
  EXPECT_EQ(outcome->seed, 5u);
  EXPECT_EQ(asked.waiter->text, "hello ");
  EXPECT_EQ(asked.waiter->generated, 9u);
  EXPECT_EQ(asked.waiter->tokens.size(), 9u);
}

TEST(Submitted, EndsOnceCancelled) {
  ScriptedEngine engine(bytes_of("hello"));
  Asked asked(engine);
  const auto generation = asked.start({});
  engine.step();
  generation->cancel();
  generation->cancel();
  engine.step();
  EXPECT_EQ(asked.waiter->wait()->reason, FinishReason::kCancelled);
  generation->cancel();  // nothing is left to cancel
}

TEST(Submitted, TellsTheEnginesError) {
  ScriptedEngine engine(bytes_of("hello"));
  engine.failure = Error{ErrorCode::kInternal, "no number", {}};
  Asked asked(engine);
  asked.start({});
  while (engine.step()) {
  }
  EXPECT_EQ(asked.waiter->wait().error().message, "no number");
}

TEST(EngineThreads, StepAndStop) {
  ScriptedEngine engine(bytes_of("hello"));
  Asked asked(engine);
  asked.start({});
  const EngineThread thread(engine);
  EXPECT_EQ(asked.waiter->wait()->text, "hello");
}  // and its end does not wait for the second that it sleeps

class Shortening : public ::testing::Test {
 protected:
  Shortening() {
    for (const char* role : {"system", "user", "assistant", "user", "assistant", "tool", "assistant", "user", "assistant", "user"})
      request_.messages.push_back(text::Message::of(role, std::string(10, static_cast<char>('a' + request_.messages.size()))));
  }
  // A prompt of as many tokens as its messages have bytes; of one that is too long nothing more may be known.
  Result<Shortened> shorten(uint32_t context, bool counts_all = true) {
    return truncate_oldest_turns(request_, context, [&](const ChatRequest& request) {
      Prompt prompt;
      for (const auto& message : request.messages) prompt.text += message.text();
      prompt.tokens = bytes_of(prompt.text);
      return counts_all ? Result<Prompt>(std::move(prompt)) : check_fits(std::move(prompt), context);
    });
  }
  ChatRequest request_;
};

TEST_F(Shortening, LeavesOutWholeTurnsFromTheOldest) {
  request_.generation.max_tokens = 10;
  EXPECT_EQ(turn_starts(request_.messages), (std::vector<size_t>{1, 3, 7, 9}));
  const auto one = shorten(90);  // 100 tokens and 10 of an answer: the first turn of 20 must go
  EXPECT_EQ(one->dropped_turns, 1u);
  EXPECT_EQ(one->dropped_messages, 2u);
  EXPECT_TRUE(one->prompt.text.starts_with("aaaaaaaaaadddd")) << one->prompt.text;
  const auto two = shorten(89);  // and then the turn with its call and the call's result, whole
  EXPECT_EQ(two->dropped_turns, 2u);
  EXPECT_EQ(two->dropped_messages, 6u);
  EXPECT_TRUE(two->prompt.text.starts_with("aaaaaaaaaahhhh")) << two->prompt.text;
  EXPECT_EQ(shorten(30)->dropped_turns, 3u);  // system and the last question stay
  for (uint32_t context = 21; context < 120; ++context) {
    EXPECT_EQ(shorten(context, /*counts_all=*/false)->dropped_turns, shorten(context)->dropped_turns) << context;
    EXPECT_EQ(shorten(context, /*counts_all=*/false)->prompt.text, shorten(context)->prompt.text) << context;
  }
}

TEST_F(Shortening, GivesUpWhenTheLastTurnAloneIsTooLong) {
  request_.generation.max_tokens = 10;
  const auto none = shorten(20);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kContextExceeded);
  EXPECT_EQ(none.error().asked, 20u);
  EXPECT_EQ(none.error().granted, 20u);
}

class Library : public ::testing::Test {
 protected:
  std::string file(const std::string& name) { return home_.write(name, "no model"); }
  static std::vector<std::string> names(ModelLibrary& library) {
    std::vector<std::string> out;
    for (const auto& model : library.list()) out.push_back(model.name);
    return out;
  }
  const hearth::testing::TestFolder home_;
  const std::string folder_ = home_.path();
};

TEST(ModelOptionsTest, pages_hold_whole_tiles) {
  ModelOptions options;
  options.page_size = 64;
  EXPECT_EQ(with_model_options({}, options)->page_tokens, 64u);
  options.page_size = 20;
  const auto refused = with_model_options({}, options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kConfig);
  EXPECT_NE(refused.error().message.find("page-size is 20, it must be a multiple of 16"), std::string::npos) << refused.error().message;
}

TEST_F(Library, NamesModels) {
  const std::vector<std::string> specs = {file("a.Q4_K_M.gguf"), "small=" + file("b.gguf"), file("c-00001-of-00002.gguf")};
  const auto library = *ModelLibrary::open({}, specs);
  EXPECT_EQ(names(*library), (std::vector<std::string>{"a.Q4_K_M", "small", "c"}));
  EXPECT_EQ(*library->resolve(""), "a.Q4_K_M");
  EXPECT_EQ(*library->resolve("default"), "a.Q4_K_M");
  EXPECT_EQ(*library->resolve("small"), "small");
  EXPECT_EQ(library->resolve("b").error().message, "there is no model 'b'; this server has: a.Q4_K_M, small, c");
}

TEST_F(Library, RefusesWhatHasNoNameOrFile) {
  const std::string path = file("a.gguf");
  const auto error = [](std::vector<std::string> specs) { return ModelLibrary::open({}, specs).error(); };
  EXPECT_EQ(error({path, path}).message, "two models are named 'a'; give one another name with NAME=PATH");
  EXPECT_EQ(error({"default=" + path}).code, ErrorCode::kUsage);
  EXPECT_EQ(error({"=" + path}).code, ErrorCode::kUsage);
  EXPECT_EQ(error({"x=" + folder_ + "/none"}).code, ErrorCode::kNotFound);
  LibraryOptions options;
  options.models_dir = folder_ + "/none";
  EXPECT_EQ(ModelLibrary::open(options, {}).error().code, ErrorCode::kNotFound);
}

TEST_F(Library, LooksIntoItsFolder) {
  file("b.gguf");
  file("a.gguf");
  file("split-00001-of-00002.gguf");
  file("split-00002-of-00002.gguf");
  file("notes.txt");
  file("folder/config.json");
  file("other/readme");
  LibraryOptions options;
  options.models_dir = folder_;
  const auto library = *ModelLibrary::open(options, {});
  EXPECT_EQ(names(*library), (std::vector<std::string>{"a", "b", "folder", "split"}));
  file("new.gguf");
  EXPECT_EQ(*library->resolve("new"), "new");  // without a restart
}

TEST_F(Library, TellsEveryoneWhoWaitsThatAModelIsBroken) {
  const std::vector<std::string> specs = {file("a.gguf")};
  const auto library = *ModelLibrary::open({}, specs);
  EXPECT_TRUE(library->is_ready());
  std::mutex mutex;
  std::condition_variable came;
  std::vector<std::string> errors;
  for (int i = 0; i < 3; ++i)
    library->acquire("a", [&](Result<ModelLease> model) {
      const std::lock_guard lock(mutex);
      errors.push_back(model ? "" : model.error().text());
      came.notify_all();
    });
  std::unique_lock lock(mutex);
  ASSERT_TRUE(came.wait_for(lock, 10s, [&] { return errors.size() == 3; }));
  for (const auto& where : errors) EXPECT_TRUE(where.starts_with(folder_)) << where;
}

TEST_F(Library, OpensFilesAgainThatChanged) {
  const auto put = [&](const char* model) {
    std::filesystem::copy_file(hearth::testing::source_path("tests/golden/models/" + std::string(model) + "/model.gguf"), folder_ + "/new");
    std::filesystem::rename(folder_ + "/new", folder_ + "/a.gguf");
    return checkpoint::open(folder_ + "/a.gguf").value()->total_bytes();
  };
  const uint64_t before = put("llama2");
  const std::vector<std::string> specs = {folder_ + "/a.gguf"};
  std::promise<void> came;
  const auto library = *ModelLibrary::open({}, specs);
  ASSERT_TRUE(library->defaults("a"));
  EXPECT_EQ(library->list()[0].weight_bytes, before);
  const uint64_t after = put("gemma2");
  ASSERT_NE(before, after);
  library->acquire("a", [&](const Result<ModelLease>&) { came.set_value(); });
  came.get_future().wait();
  EXPECT_EQ(library->list()[0].weight_bytes, after);
}

TEST_F(Library, OpensFilesBesideTheWeightsAgainThatChanged) {
  const std::string model = home_.path("m"), golden = hearth::testing::source_path("tests/golden/models/qwen3/");
  const auto recommend = [&](const char* temperature) {
    home_.write("m/generation_config.json", fmt::format(R"({{"do_sample": true, "temperature": {}}})", temperature));
  };
  recommend("0.25");
  for (const char* name : {"config.json", "model.safetensors"}) std::filesystem::copy_file(golden + name, model + "/" + name);
  const std::vector<std::string> specs = {model};
  const auto library = *ModelLibrary::open({}, specs);
  EXPECT_FLOAT_EQ(library->defaults("m").value().sampling.temperature, 0.25f);
  recommend("0.625");
  EXPECT_FLOAT_EQ(library->defaults("m").value().sampling.temperature, 0.625f);

  // So it is with any file of the folder and with a given template: edited, new or gone.
  const auto is_unchanged_after = [&](const auto& change) {
    const ModelFiles files = ModelFiles::open(model, home_.write("given.jinja", "T")).value();
    EXPECT_TRUE(files.is_unchanged());
    change();
    return files.is_unchanged();
  };
  EXPECT_FALSE(is_unchanged_after([&] { home_.write("given.jinja", "another"); }));
  EXPECT_FALSE(is_unchanged_after([&] { home_.write("m/chat_template.jinja", "new"); }));
  EXPECT_FALSE(is_unchanged_after([&] { home_.write("m/chat_template.jinja", "edited"); }));
  EXPECT_FALSE(is_unchanged_after([&] { std::filesystem::remove(model + "/chat_template.jinja"); }));
  EXPECT_FALSE(is_unchanged_after([&] { home_.write("m/tokenizer.json", "{}"); }));
  EXPECT_TRUE(is_unchanged_after([&] { home_.write("elsewhere.jinja", "x"); }));
}

TEST_F(Library, RefusesWhenItCloses) {
  const std::vector<std::string> specs = {file("a.gguf")};
  const auto library = *ModelLibrary::open({}, specs);
  library->close();
  bool asked = false;
  library->acquire("a", [&](Result<ModelLease> model) {
    asked = true;
    EXPECT_EQ(model.error().code, ErrorCode::kUnavailable);
  });
  EXPECT_TRUE(asked);
  EXPECT_FALSE(library->is_ready());
}

}  // namespace
}  // namespace hearth::service
