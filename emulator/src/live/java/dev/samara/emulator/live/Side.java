// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import dev.samara.testing.judge.Judge;
import dev.samara.testing.judge.Task;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A judge that executes scripts, on the kernel or in the emulator. */
abstract class Side implements Watch.Watched, AutoCloseable {
    private static final int SIGCHLD = 17;
    private static final int FILES = 7;

    private final Architecture architecture;
    private final Judge judge;
    private final Path folder;

    private final int user;

    /**
     * Creates a side.
     *
     * @param judge the judge, after its greeting
     * @param folder the host's folder that contains the scripts' folders
     * @param user the user as which scripts run
     */
    Side(Architecture architecture, Judge judge, Path folder, int user) {
        this.architecture = architecture;
        this.judge = judge;
        this.folder = folder;
        this.user = user;
        useNumberZero();
    }

    /** Uses up the first segment number, which is 0, because 0 is the value of results that a script did not keep. */
    private void useNumberZero() {
        long first = judge.first().call(JudgedCall.SHMGET.number(architecture), 0, 1, 0600);
        judge.first().call(JudgedCall.SHMCTL.number(architecture), first, 0, 0);
    }

    final Architecture architecture() {
        return architecture;
    }

    final Judge judge() {
        return judge;
    }

    final Path folder() {
        return folder;
    }

    final int user() {
        return user;
    }

    /** Maps the memory for arguments, and undoes what the test's process handed down: ignored signals and limits. */
    final void prepare() {
        List<String> requests = new ArrayList<>();
        requests.add(Task.callRequest(JudgedCall.CLOSE.number(architecture), 2));
        int map = JudgedCall.MMAP.number(architecture);
        requests.add(Task.callRequest(map, Placement.ARGUMENTS, Placement.ARGUMENT_BYTES, 3, 0x32, -1, 0));
        requests.add(Task.callRequest(map, Placement.EDGE_END - 0x1000, 0x1000, 3, 0x32, -1, 0));
        requests.add(Task.callRequest(map, Placement.READ_ONLY, 0x1000, 1, 0x32, -1, 0));
        requests.add(Task.callRequest(map, Placement.BIG, Placement.BIG_BYTES, 3, 0x32, -1, 0));
        requests.add("p " + Long.toHexString(Placement.ARGUMENTS) + " " + "00".repeat(32));
        requests.add(
                Task.callRequest(JudgedCall.RT_SIGACTION.number(architecture), SIGCHLD, Placement.ARGUMENTS, 0, 8));
        requests.add("p " + Long.toHexString(Placement.ARGUMENTS) + " 00040000000000000004000000000000");
        requests.add(Task.callRequest(JudgedCall.PRLIMIT64.number(architecture), 0, FILES, Placement.ARGUMENTS, 0));
        judge.first().askAll(requests);
    }

    /** Returns a description of the emulator's internal errors; empty if there were none. */
    abstract String complaints();

    @Override
    public void close() throws IOException {
        judge.close();
    }
}
