// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.cli;

import dev.samara.tool.picture.TimelinePicture;
import dev.samara.tool.record.InputException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code samara timeline}. */
@Command(
        name = "timeline",
        description = "Draws the events of this library in a recording of the flight recorder.",
        footerHeading = "Example:%n",
        footer = "  samara timeline run.jfr --svg timeline.svg",
        exitCodeList = {"0:success", "2:the command line or a file is wrong"},
        mixinStandardHelpOptions = true,
        versionProvider = JarVersion.class)
final class TimelineCommand implements Callable<Integer> {
    @Option(names = "--svg", required = true, paramLabel = "FILE", description = "The file of the picture.")
    private Path picture;

    @Parameters(paramLabel = "RECORDING", description = "A .jfr file.")
    private Path file;

    @Spec
    private CommandSpec spec;

    TimelineCommand() {}

    @Override
    public Integer call() throws InputException {
        TimelinePicture drawn = TimelinePicture.read(file);
        PictureFile.write(picture, file, drawn.svg());
        PrintWriter out = spec.commandLine().getOut();
        out.println(picture + ": " + drawn.summary());
        out.flush();
        return CheckStatus.EQUAL;
    }
}
