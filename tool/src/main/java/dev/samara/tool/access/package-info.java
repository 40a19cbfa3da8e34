// SPDX-License-Identifier: Apache-2.0
/**
 * The CPUs through which recordings are checked.
 *
 * <p>A recording contains the results of one thread of one process, so every CPU in the space must get these results. A
 * {@link dev.samara.tool.access.CpuPlan} contains the number of CPUs; a {@link dev.samara.tool.access.CpuSet} contains
 * the CPUs of one space. Each access is made by a random CPU. So a stale translation in any CPU is detected when that
 * CPU next accesses the page.
 */
@NullMarked
package dev.samara.tool.access;

import org.jspecify.annotations.NullMarked;
