// SPDX-License-Identifier: Apache-2.0
/**
 * A small RISC-V emulator, the programs that it runs, and the memories that it runs them on. {@link
 * dev.samara.bench.interpreter.InterpreterBenchmark} compares the memories.
 *
 * <p>{@link dev.samara.bench.interpreter.Interpreter} executes blocks of decoded instructions. {@link
 * dev.samara.bench.interpreter.TranslatedGuest} makes classes of what runs often: {@link
 * dev.samara.bench.interpreter.RegionPlan} decides what is translated together, {@link
 * dev.samara.bench.interpreter.RegionWriter} writes it, with the registers of the guest in local variables, and each
 * {@link dev.samara.bench.interpreter.AccessCode} is one way to reach the memory.
 */
@org.jspecify.annotations.NullMarked
package dev.samara.bench.interpreter;
