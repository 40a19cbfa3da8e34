// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.cli;

import dev.samara.tool.storm.Storm;
import dev.samara.tool.storm.StormVerdict;
import dev.samara.tool.top.SampleSource;
import dev.samara.tool.top.WorkFigure;
import java.io.PrintWriter;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** {@code samara top storm}. */
@Command(
        name = "storm",
        description = "Shows a storm, with the options of the command storm.",
        footerHeading = "Example:%n",
        footer = "  samara top storm --seconds 60 --cpus 4 --seed 1",
        mixinStandardHelpOptions = true,
        versionProvider = JarVersion.class)
final class TopStormCommand implements Callable<Integer> {
    @ParentCommand
    private TopCommand top;

    @Mixin
    private StormOptions options;

    @Spec
    private CommandSpec spec;

    TopStormCommand() {}

    @Override
    public Integer call() throws Exception {
        top.checkInterval(spec);
        Storm storm = options.storm(spec);
        PrintWriter out = spec.commandLine().getOut();
        SampleSource source = SampleSource.of(storm.watched(), () -> work(storm.counts()));
        StormVerdict verdict =
                top.show(options.title(), top.standardOutput(spec), source, () -> storm.run(counts -> {}));
        StormResult result = StormResult.of(storm, verdict);
        if (top.isJson()) {
            result.printJson(options, out);
        } else {
            result.printText(out);
        }
        return result.status();
    }

    private static List<WorkFigure> work(Storm.Counts counts) {
        return List.of(
                new WorkFigure("accesses", counts.accesses()),
                new WorkFigure("beside a change", counts.overlaps()),
                new WorkFigure("changes", counts.changes()));
    }
}
