// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.cli;

import dev.samara.tool.storm.Storm;
import dev.samara.tool.storm.StormVerdict;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code samara storm}. */
@Command(
        name = "storm",
        description = "Runs CPUs against concurrent map changes and checks every access.",
        footerHeading = "Example:%n",
        footer = "  samara storm --check --seconds 60 --cpus 4 --seed 1",
        mixinStandardHelpOptions = true,
        versionProvider = JarVersion.class)
final class StormCommand implements Callable<Integer> {
    @Mixin
    private StormOptions options;

    @Mixin
    private OutputOptions output;

    @Spec
    private CommandSpec spec;

    private int seconds;

    StormCommand() {}

    @Override
    public Integer call() throws InterruptedException {
        Storm storm = options.storm(spec);
        PrintWriter out = spec.commandLine().getOut();
        if (!output.isJson()) {
            out.println(options.title());
            out.flush();
        }
        ProgressLine progress = ProgressLine.of(spec);
        StormVerdict verdict;
        try {
            verdict = storm.run(counts ->
                    progress.show(++seconds + " of " + options.seconds() + " s: " + StormResult.line(counts)));
        } finally {
            progress.clear();
        }
        StormResult result = StormResult.of(storm, verdict);
        if (output.isJson()) {
            result.printJson(options, out);
        } else {
            result.printText(out);
        }
        return result.status();
    }
}
