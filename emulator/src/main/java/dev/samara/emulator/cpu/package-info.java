// SPDX-License-Identifier: Apache-2.0
/**
 * A hart of RV64GC: its registers, the blocks that it has decoded, and an interpreter.
 *
 * <p>{@link dev.samara.emulator.cpu.Hart} is the state, and the access to memory. {@link
 * dev.samara.emulator.cpu.RiscvInterpreter} runs blocks until there is something that it cannot do itself, and
 * returns what that is: a {@link dev.samara.emulator.cpu.LeaveReason}. System calls and signals are up to the
 * caller. {@link dev.samara.emulator.cpu.BlockCache} keeps blocks until their pages change, and ends them at the
 * {@link dev.samara.emulator.cpu.Breakpoints} of a debugger. Blocks that run often may get code of their own from
 * a {@link dev.samara.emulator.cpu.CodeTranslator}.
 *
 * <p>All of it belongs to the thread that owns the CPU. Only {@link dev.samara.emulator.cpu.Hart#ask} is for
 * others.
 */
@NullMarked
package dev.samara.emulator.cpu;

import org.jspecify.annotations.NullMarked;
