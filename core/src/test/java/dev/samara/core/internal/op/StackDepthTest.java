// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.fixture.ChildJvm;
import dev.samara.testing.Explored;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@DisplayName(
        "a call that overflows the stack, wherever it does, leaves no CPU in GUEST, no range in flight and no frame"
                + " lost")
@Explored(6)
class StackDepthTest {
    private static final int DEPTHS = 60;

    @ParameterizedTest
    @EnumSource
    void everyDepth(StackDepths.Call call, @TempDir Path folder) throws Exception {
        Path output = folder.resolve("output");
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xint",
                "-XX:+UseSerialGC",
                "-Xmx256m",
                "-Dsamara.checked=" + Boolean.getBoolean("samara.checked")));
        command.addAll(ChildJvm.onClassPath());
        command.addAll(List.of(StackDepths.class.getName(), call.name(), Integer.toString(DEPTHS)));
        Process child = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        try {
            assertTrue(child.waitFor(4, TimeUnit.MINUTES), () -> read(output));
        } finally {
            child.destroyForcibly();
        }
        assertEquals(0, child.exitValue(), () -> read(output));
        assertTrue(
                read(output).matches("(?s).*" + call + ": \\d\\d of " + DEPTHS + " depths overflowed.*"), read(output));
    }

    private static String read(Path output) {
        try {
            return Files.readString(output);
        } catch (IOException unreadable) {
            return unreadable.toString();
        }
    }
}
