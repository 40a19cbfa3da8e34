// SPDX-License-Identifier: Apache-2.0
/**
 * The checker of a checked machine. It knows the running calls that take pages or rights away, from their arguments and
 * nothing else. It keeps the latest events of each side, so that the message of a violation has both.
 *
 * <p>It uses no state of the code under check: no generation, no cpumask, no state of a CPU. An access is compared
 * with the page table, the layout and the reuse stamp of its frame, after it was made and before its CPU can
 * acknowledge a shootdown. A difference is a violation unless a call that causes it has not returned yet.
 *
 * <p>The checked subclasses of a TLB and of a guest's memory are beside the classes that they extend.
 *
 * <p>{@link dev.samara.core.internal.check.RefTracker} is of a machine that tracks references, checked or not.
 */
@NullMarked
package dev.samara.core.internal.check;

import org.jspecify.annotations.NullMarked;
