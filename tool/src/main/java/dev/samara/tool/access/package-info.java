// SPDX-License-Identifier: Apache-2.0
/**
 * The CPUs through which recordings are checked.
 *
 * <p>A recording holds the results of one thread of one process, so every CPU that is in the space must get those
 * results. A {@link dev.samara.tool.access.CpuPlan} has the number of CPUs; a {@link
 * dev.samara.tool.access.CpuSet} holds the CPUs of one space. A random CPU makes each access. A stale translation
 * of another CPU is therefore detected at that CPU's next access.
 */
@NullMarked
package dev.samara.tool.access;

import org.jspecify.annotations.NullMarked;
