// SPDX-License-Identifier: Apache-2.0
/**
 * The interfaces between a debugger and the first process.
 *
 * <p>{@link dev.samara.emulator.linux.debug.Debugger} is called by the threads of that process, which it sees as {@link
 * dev.samara.emulator.linux.debug.Debugger.DebuggedThread}s. Without a debugger, the threads make no such calls.
 */
@NullMarked
package dev.samara.emulator.linux.debug;

import org.jspecify.annotations.NullMarked;
