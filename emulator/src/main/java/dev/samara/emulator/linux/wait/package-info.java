// SPDX-License-Identifier: Apache-2.0
/**
 * How threads of the guest wait.
 *
 * <p>A thread that waits is parked outside GUEST. It added itself to the {@link
 * dev.samara.emulator.linux.wait.WaitList} of the state for which it waits, and checks that state each time it is
 * woken. A signal also wakes it, so no wait outlasts the end of its process. {@link
 * dev.samara.emulator.linux.wait.WaitList.WaitingThread#await} is the loop of all waits.
 *
 * <p>A futex is a word of memory with a list of waiting threads, in the library's {@link
 * dev.samara.core.guest.FutexTable}. The locks that a thread holds when it ends are released by its {@link
 * dev.samara.emulator.linux.wait.RobustList}.
 */
@NullMarked
package dev.samara.emulator.linux.wait;

import org.jspecify.annotations.NullMarked;
