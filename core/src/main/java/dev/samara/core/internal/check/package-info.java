// SPDX-License-Identifier: Apache-2.0
/**
 * The checker of a checked machine. It tracks the running calls that revoke pages or rights, using only their
 * arguments. It records the latest events of the CPUs and of the calls, so that the message of a violation can show
 * both.
 *
 * <p>It uses no state of the code that it checks: no generation, no cpumask, no CPU state. It compares each access with
 * the page table, the layout and the frame's reuse stamp, after the access and before the CPU can acknowledge a
 * shootdown. A mismatch is a violation unless a call that could cause it is still running.
 *
 * <p>The checked subclasses of the TLB and of guest memory are in the packages of the classes that they extend.
 *
 * <p>{@link dev.samara.core.internal.check.RefTracker} belongs to machines that track references, whether checked or
 * not.
 */
@NullMarked
package dev.samara.core.internal.check;

import org.jspecify.annotations.NullMarked;
