#pragma once
// Every KV type of kv_types.def.
#include "ops/kv/kv_types.h"
#include "ops/kv/plain.h"
#include "ops/kv/put.h"
#include "ops/kv/q4_0.h"
#include "ops/kv/q5_1.h"
#include "ops/kv/q8_0.h"
