#pragma once
// Neural networks: Module, the layers, and how their parameters start.

#include <rushlight/nn/init.h>
#include <rushlight/nn/layers.h>
#include <rushlight/nn/module.h>
#include <rushlight/nn/sequential.h>
