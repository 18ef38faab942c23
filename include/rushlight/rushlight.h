#pragma once
// Everything a program needs: tensors, their operations, and autograd.

#include <rushlight/autograd.h>
#include <rushlight/factory.h>
#include <rushlight/indexing.h>
#include <rushlight/operators.h>
#include <rushlight/ops.h>
#include <rushlight/print.h>
#include <rushlight/random.h>
#include <rushlight/tensor.h>
