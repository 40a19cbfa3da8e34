// SPDX-License-Identifier: Apache-2.0
/**
 * How threads of the guest wait.
 *
 * <p>A thread that waits is outside GUEST and parked. It has put itself on the {@link
 * dev.samara.emulator.linux.wait.WaitList} of what it waits for, and looks again each time that it is woken. A
 * signal wakes it too. So no wait outlasts the end of its process. {@link
 * dev.samara.emulator.linux.wait.WaitingThread#await} is the loop of all waits.
 *
 * <p>A futex is a word of memory with a list of waiting threads, in the library's {@link
 * dev.samara.core.guest.FutexTable}. Locks whose words have the number of their owner are handed over by
 * {@link dev.samara.emulator.linux.wait.PiFutexes}. The locks that a thread has at its end are
 * released by its {@link dev.samara.emulator.linux.wait.RobustList}.
 */
@NullMarked
package dev.samara.emulator.linux.wait;

import org.jspecify.annotations.NullMarked;
