#pragma once
// Python's operators on values.
#include "text/jinja/run/interpreter.h"
#include "text/jinja/syntax/ast.h"

namespace hearth::text::jinja {

Result<Value> unary(UnaryOp op, const Value& operand);
Result<Value> binary(Interpreter& run, BinaryOp op, const Value& left, const Value& right);
Result<bool> compare(Interpreter& run, CompareOp op, const Value& left, const Value& right);
Result<bool> contains(Interpreter& run, const Value& container, const Value& item);  // item in container
// object[start:stop:step]; None stands for an absent bound.
Result<Value> slice(Interpreter& run, const Value& object, const Value& start, const Value& stop, const Value& step);
// object[i] of a string, list or tuple, from the end where i is negative; nothing where there is none.
std::optional<Value> indexed(const Value& object, int64_t i);
// Errors: a key that cannot be hashed.
Result<Value> make_dict(Interpreter& run, std::vector<DictBody::Entry> entries);

IteratorPtr iterate_sequence(const Value& list_or_tuple);
IteratorPtr iterate_characters(const Value& string);

}  // namespace hearth::text::jinja
