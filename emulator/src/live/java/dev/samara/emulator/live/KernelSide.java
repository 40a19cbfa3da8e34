// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import dev.samara.testing.judge.Judge;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;

/** The judge as a process of the kernel, which belongs to a user without rights. */
final class KernelSide extends Side {
    private static final String USER = "1000";
    private static final List<String> AS_USER =
            List.of("setpriv", "--reuid", USER, "--regid", USER, "--clear-groups", "--no-new-privs");

    private KernelSide(Judge judge, Path folder) {
        super(Architecture.X86_64, judge, folder, folder + "/", (int)
                judge.first().call(JudgedCall.GETUID.number(Architecture.X86_64)));
    }

    /** Starts the judge in a folder that is empty, as this process's user if that is user 0 and it is wanted. */
    static KernelSide start(Path folder, boolean asUserZero) throws IOException {
        Path place = folder.toRealPath();
        boolean isRoot = (Integer) Files.getAttribute(folder, "unix:uid") == 0;
        if (isRoot) {
            // The way to it, too: temporary folders are their owner's alone.
            Path above = place;
            while (above != null && above.getNameCount() > 1) {
                Files.setPosixFilePermissions(above, PosixFilePermissions.fromString("rwxrwxrwx"));
                above = above.getParent();
            }
        }
        return new KernelSide(Judge.start(place, isRoot && !asUserZero ? AS_USER : List.of()), place);
    }

    @Override
    void kill(long process) {
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
