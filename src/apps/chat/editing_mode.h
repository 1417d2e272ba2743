#pragma once
// The terminal while a line is edited: pasted text comes in brackets (ESC [ 200 ~ and ESC [ 201 ~), and a signal that ends or stops
// the program finds the terminal as it was before.
namespace hearth::apps {

// One at a time, made before the editor changes the terminal of standard input. Does nothing where the terminal knows no brackets.
class EditingMode {
 public:
  EditingMode();
  ~EditingMode();
  EditingMode(const EditingMode&) = delete;
  EditingMode& operator=(const EditingMode&) = delete;

 private:
  bool active_;
};

}  // namespace hearth::apps
