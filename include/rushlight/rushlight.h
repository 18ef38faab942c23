#pragma once
// Everything a program needs: tensors and their operations, autograd, networks, training, data.

#include <rushlight/autograd.h>
#include <rushlight/checkpoint.h>
#include <rushlight/data.h>
#include <rushlight/factory.h>
#include <rushlight/forward_ad.h>
#include <rushlight/function.h>
#include <rushlight/functional.h>
#include <rushlight/gradcheck.h>
#include <rushlight/indexing.h>
#include <rushlight/nn.h>
#include <rushlight/operators.h>
#include <rushlight/ops.h>
#include <rushlight/optim.h>
#include <rushlight/print.h>
#include <rushlight/random.h>
#include <rushlight/tensor.h>
