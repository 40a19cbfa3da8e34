// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import dev.samara.testing.judge.Judge;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;

/** The judge as a process on the kernel, which belongs to an unprivileged user. */
final class KernelSide extends Side {
    /** The states interruptible sleep, stopped, stopped by a debugger, and zombie. */
    private static final String STATES_OF_SLEEP = "STtZ";

    private static final String USER = "1000";
    private static final List<String> AS_USER =
            List.of("setpriv", "--reuid", USER, "--regid", USER, "--clear-groups", "--no-new-privs");

    private KernelSide(Judge judge, Path folder) {
        super(Architecture.X86_64, judge, folder, (int)
                judge.first().call(JudgedCall.GETUID.number(Architecture.X86_64)));
    }

    /**
     * Starts the judge in an empty folder. It runs as an unprivileged user if this process runs as user 0, unless
     * {@code asUserZero} is set.
     */
    static KernelSide start(Path folder) throws IOException {
        Path place = folder.toRealPath();
        boolean isRoot = (Integer) Files.getAttribute(folder, "unix:uid") == 0;
        if (isRoot) {
            // The folders above must be accessible as well, because only the owner can access temporary folders.
            Path above = place;
            while (above != null && above.getNameCount() > 1) {
                Files.setPosixFilePermissions(above, PosixFilePermissions.fromString("rwxrwxrwx"));
                above = above.getParent();
            }
        }
        return new KernelSide(Judge.start(place, isRoot ? AS_USER : List.of()), place);
    }

    /** Checks all threads of the script's processes, which are the judge's descendants. */
    @Override
    public boolean isAsleep(long process) {
        ProcessHandle judge =
                ProcessHandle.of(process).flatMap(ProcessHandle::parent).orElse(null);
        return judge != null && judge.descendants().allMatch(each -> areAsleep(each.pid()));
    }

    private static boolean areAsleep(long process) {
        try (DirectoryStream<Path> threads = Files.newDirectoryStream(Path.of("/proc/" + process + "/task"))) {
            for (Path each : threads) {
                String text = Files.readString(each.resolve("stat"), StandardCharsets.ISO_8859_1);
                // The state follows the name, which may contain spaces and parentheses.
                char state = text.charAt(text.lastIndexOf(')') + 2);
                if (STATES_OF_SLEEP.indexOf(state) < 0) {
                    return false;
                }
            }
            return true;
        } catch (IOException ended) {
            return false;
        }
    }

    @Override
    public void kill(long process) {
        ProcessHandle.of(process).ifPresent(found -> {
            found.descendants().forEach(ProcessHandle::destroyForcibly);
            found.destroyForcibly();
        });
    }

    @Override
    String complaints() {
        return "";
    }
}
