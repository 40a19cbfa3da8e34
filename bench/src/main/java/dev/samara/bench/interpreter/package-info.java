// SPDX-License-Identifier: Apache-2.0
/**
 * A small RISC-V emulator, its guest programs, and the memory implementations that it runs them on. {@link
 * dev.samara.bench.interpreter.InterpreterBenchmark} compares the memories.
 *
 * <p>{@link dev.samara.bench.interpreter.Interpreter} executes blocks of decoded instructions. {@link
 * dev.samara.bench.interpreter.TranslatedGuest} translates frequently executed code to classes: {@link
 * dev.samara.bench.interpreter.RegionPlan} decides which instructions a class contains, {@link
 * dev.samara.bench.interpreter.RegionWriter} generates the class, with the guest's registers in local variables, and
 * each {@link dev.samara.bench.interpreter.AccessCode} generates one way to access the memory.
 */
@org.jspecify.annotations.NullMarked
package dev.samara.bench.interpreter;
