#pragma once
// A chat on a terminal: messages, commands that begin with a slash, and an answer that Ctrl-C can stop.
#include <memory>
#include <string>
#include <vector>

#include "apps/chat/ember_help.h"
#include "apps/console.h"
#include "apps/run_options.h"
#include "base/options/options.h"
#include "service/loaded_model.h"
#include "text/chat/message.h"
#include "text/chat/template.h"
#include "text/tokenizer/tokenizer.h"

namespace hearth::apps {

// Runs until the user leaves. `given` are the command's options, which tell where each setting came from. Errors of single
// turns are told and the chat goes on. Errors: a broken chat template.
Result<void> run_chat(Console& console, service::LoadedModel& loaded, std::shared_ptr<const text::Tokenizer> tokenizer,
                      RunOptions& options, options::OptionList& given);

// The state of a chat, for its commands.
class Session {
 public:
  Session(Console& console, service::LoadedModel& loaded, const text::Tokenizer& tokenizer,
          const text::ChatTemplate& chat_template, RunOptions& options, options::OptionList& given);

  // Handles one input: a command or a message. False when the user leaves.
  bool handle(const std::string& input);

 private:
  friend struct ChatCommands;

  void say(const std::string& text);  // a user's turn and its answer
  bool answer();                      // to the last user's turn; false where none came
  void tell(const Error& error) { report(error, false); }

  Console& console_;
  service::LoadedModel& loaded_;
  const text::Tokenizer& tokenizer_;
  const text::ChatTemplate& template_;
  RunOptions& options_;
  options::OptionList settings_;       // what /set may change
  std::vector<text::Message> messages_;
  EmberHelp ember_;                    // for /help me
  uint32_t context_used_ = 0;          // tokens of the conversation after the last answer
};

}  // namespace hearth::apps
