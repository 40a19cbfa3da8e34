// SPDX-License-Identifier: Apache-2.0
/**
 * A small RISC-V interpreter, the programs that it runs, and the memories that it runs them on. {@link
 * dev.samara.bench.interpreter.InterpreterBenchmark} compares the memories.
 */
@org.jspecify.annotations.NullMarked
package dev.samara.bench.interpreter;
