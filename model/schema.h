#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace mlp {

enum class Task { kClassification, kRegression };

// What a model's rows look like: learned from the training rows, saved with the model, asked of all
// others.
struct Schema {
  std::vector<std::size_t> row_shape;      // {28, 28} for images, {8} for eight columns
  std::vector<std::string> feature_names;  // one per feature, or empty
  std::string target_name;                 // may be empty
  Task task = Task::kClassification;
  std::vector<std::string> labels;  // of each output, for classification; integers as decimal text
  bool labels_are_text = false;     // false: every label is an integer

  std::size_t width() const {
    std::size_t product = 1;
    for (const std::size_t extent : row_shape) product *= extent;
    return product;
  }
  // Outputs of the network: one per class, or one value.
  std::size_t outputs() const { return task == Task::kClassification ? labels.size() : 1; }
};

}  // namespace mlp
