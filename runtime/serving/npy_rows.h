#pragma once

#include <memory>
#include <string_view>

#include "runtime/serving/json_instances.h"
#include "runtime/serving/positional_rows.h"
#include "runtime/serving/request_rows.h"

namespace mlp {

// Rows of an array in the format of .npy, of a model whose columns are numbers; unsigned bytes are
// pixels. `body` outlives them, and only some of them are in memory beside it. Throws UserError for
// what is no such array, and for rows of another shape.
std::unique_ptr<RequestRows> npy_rows(const RowReading& reading, std::string_view body);

}  // namespace mlp
