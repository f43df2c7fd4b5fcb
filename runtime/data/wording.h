#pragma once

#include "model/wording.h"
