#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace mlp {

// What is learned from a row, and how the network's outputs are read:
//
// kClassification  one class of several: an output per label, softmax
// kBinary          one class of two: one output, the sigmoid of which is the probability of
// labels[1] kMultilabel      any of several labels, each by itself: an output per label, sigmoid
// kRegression      one number or several: an output per target
enum class Task { kClassification, kBinary, kMultilabel, kRegression };

// What users and files call it.
constexpr std::string_view task_name(Task task) {
  switch (task) {
    case Task::kBinary:
      return "binary";
    case Task::kMultilabel:
      return "multilabel";
    case Task::kRegression:
      return "regression";
    case Task::kClassification:
      break;
  }
  return "classification";
}

// Whether each row belongs to one class, as opposed to having a number per output.
constexpr bool has_classes(Task task) {
  return task == Task::kClassification || task == Task::kBinary;
}

// What a model's rows look like: learned from the training rows, saved with the model, asked of all
// others.
struct Schema {
  std::vector<std::size_t> row_shape;      // {28, 28} for images, {8} for eight columns
  std::vector<std::string> feature_names;  // one per feature, or empty
  std::vector<std::string> target_names;   // one per target column, or empty
  std::string weight_name;                 // of the column of row weights; may be empty
  std::size_t targets = 1;                 // target columns: several for kMultilabel, kRegression
  Task task = Task::kClassification;
  // Of the classes, two at least and integers as decimal text; for kMultilabel of each target
  // column, its name or its number from 0; none for kRegression.
  std::vector<std::string> labels;
  bool labels_are_text = false;  // false: every label is an integer

  std::size_t width() const {
    std::size_t product = 1;
    for (const std::size_t extent : row_shape) product *= extent;
    return product;
  }
  // Outputs of the network.
  std::size_t outputs() const {
    if (task == Task::kClassification) return labels.size();
    return task == Task::kBinary ? 1 : targets;
  }
};

}  // namespace mlp
