// SPDX-License-Identifier: Apache-2.0
/**
 * What a debugger of the first process implements, and what it sees.
 *
 * <p>{@link dev.samara.emulator.linux.debug.Debugger} is called by the threads of that process. They are {@link
 * dev.samara.emulator.linux.debug.DebuggedThread}s for it. Without a debugger, a thread asks nobody.
 */
@NullMarked
package dev.samara.emulator.linux.debug;

import org.jspecify.annotations.NullMarked;
