// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.trace;

import java.util.List;

/**
 * The kernel's view of the address space at one moment.
 *
 * @param line its line, counted from 1
 * @param sequence the number of the operation or event that follows it
 * @param reason the reason for the snapshot
 * @param maps the lines of {@code /proc/PID/maps}
 * @param flags the lines of {@code VmFlags}; empty if they were not recorded
 */
public record KernelSnapshot(int line, long sequence, String reason, List<MapsLine> maps, List<FlagsLine> flags)
        implements TraceEntry {}
