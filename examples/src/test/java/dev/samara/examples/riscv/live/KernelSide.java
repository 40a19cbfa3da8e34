// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.live;

import dev.samara.testing.judge.Judge;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;

/** The judge as a process of the kernel, which belongs to a user without rights. */
final class KernelSide implements Side {
    private static final int USER = 1000;

    private final Path folder;
    private final Judge judge;
    private final int user;

    /** Starts the judge in a folder that is empty. */
    KernelSide(Path folder) throws IOException {
        this.folder = folder.toRealPath();
        boolean isRoot = (Integer) Files.getAttribute(folder, "unix:uid") == 0;
        if (isRoot) {
            // The way to it, too: temporary folders are their owner's alone.
            Path above = this.folder;
            while (above != null && above.getNameCount() > 1) {
                Files.setPosixFilePermissions(above, PosixFilePermissions.fromString("rwxrwxrwx"));
                above = above.getParent();
            }
        }
        judge = Judge.start(
                this.folder,
                isRoot
                        ? List.of(
                                "setpriv",
                                "--reuid",
                                "" + USER,
                                "--regid",
                                "" + USER,
                                "--clear-groups",
                                "--no-new-privs")
                        : List.of());
        user = (int) judge.first().call(JudgedCall.GETUID.number(Architecture.X86_64));
    }

    @Override
    public Architecture architecture() {
        return Architecture.X86_64;
    }

    @Override
    public Judge judge() {
        return judge;
    }

    @Override
    public Path folder() {
        return folder;
    }

    @Override
    public String base() {
        return folder + "/";
    }

    @Override
    public int user() {
        return user;
    }

    @Override
    public void kill(long process) {
        ProcessHandle.of(process).ifPresent(found -> {
            found.descendants().forEach(ProcessHandle::destroyForcibly);
            found.destroyForcibly();
        });
    }

    @Override
    public String complaints() {
        return "";
    }

    @Override
    public void close() throws IOException {
        judge.close();
    }
}
