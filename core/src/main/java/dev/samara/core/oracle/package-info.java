// SPDX-License-Identifier: Apache-2.0
/**
 * The judge inside the hardware of a checked machine. It knows which calls that take pages or rights away are running,
 * by their arguments and nothing else, and keeps what happened last, so that a violation can be told with both sides'
 * histories.
 *
 * <p>It uses nothing of what it judges: no generation, no mask of holders, no state of a CPU. An access is held against
 * the page table, the layout and the life of its frame, after it was made and before its CPU can acknowledge anything:
 * what differs then is allowed only while a call that takes it away has not returned.
 */
@NullMarked
package dev.samara.core.oracle;

import org.jspecify.annotations.NullMarked;
