// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.replay;

import dev.samara.core.Machine;
import dev.samara.tool.access.CpuPlan;
import dev.samara.tool.record.FileReport;
import dev.samara.tool.record.InputException;
import dev.samara.tool.trace.Trace;
import dev.samara.tool.trace.TraceFolder;
import dev.samara.tool.trace.TraceParser;
import java.nio.file.Path;
import java.util.List;

/** Replays arbitrary traces. */
public final class ReplayedInput {
    private static final CpuPlan TWO = new CpuPlan(2, 1);

    private ReplayedInput() {}

    /**
     * Replays a trace with accesses. Then closes the machine, which fails if a space or a CPU is still in use.
     *
     * @param file the trace
     * @param source determines the addresses of mappings that may be placed anywhere
     * @throws InputException if the file cannot be read
     */
    public static void replay(Path file, PlacementSource source) throws InputException {
        Trace trace = TraceParser.parse(file);
        TraceFolder family = TraceFolder.of(List.of(file));
        Replay replay = new Replay(trace, family, source, TWO, null, new FileReport(file), new ReplayWatch());
        Machine machine = replay.state().space().machine();
        replay.runToEnd();
        replay.stop();
        machine.close();
    }
}
