// SPDX-License-Identifier: Apache-2.0
/**
 * A hart of RV64GC: its registers, its decoded blocks, and an interpreter.
 *
 * <p>{@link dev.samara.emulator.cpu.Hart} contains the registers and accesses memory. {@link
 * dev.samara.emulator.cpu.RiscvInterpreter} runs blocks until it reaches something that it cannot handle, and returns a
 * {@link dev.samara.emulator.cpu.RiscvInterpreter.LeaveReason}. The caller handles system calls and signals. {@link
 * dev.samara.emulator.cpu.BlockCache} keeps blocks until their pages change, and ends them at the {@link
 * dev.samara.emulator.cpu.BlockCache.Breakpoints} of a debugger. Blocks that run often may be translated by a {@link
 * dev.samara.emulator.cpu.TranslatedCode.CodeTranslator}.
 *
 * <p>All of these objects are used only by the thread that owns the CPU. Only {@link dev.samara.emulator.cpu.Hart#ask}
 * may be called by other threads.
 */
@NullMarked
package dev.samara.emulator.cpu;

import org.jspecify.annotations.NullMarked;
