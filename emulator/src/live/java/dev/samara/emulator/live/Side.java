// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import dev.samara.testing.judge.Judge;
import java.io.IOException;
import java.nio.file.Path;

/** A judge that executes scripts, on the kernel or in the emulator. */
abstract class Side implements Watch.Watched, AutoCloseable {
    private final Architecture architecture;
    private final Judge judge;
    private final Path folder;
    private final String base;
    private final int user;

    /**
     * Creates a side.
     *
     * @param judge the judge, after its greeting
     * @param folder the host's folder that contains the scripts' folders
     * @param base the path of that folder as seen by scripts, with a slash at the end
     * @param user the user as which scripts run
     */
    Side(Architecture architecture, Judge judge, Path folder, String base, int user) {
        this.architecture = architecture;
        this.judge = judge;
        this.folder = folder;
        this.base = base;
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

    final String base() {
        return base;
    }

    final int user() {
        return user;
    }

    /** Returns a description of the emulator's internal errors; empty if there were none. */
    abstract String complaints();

    @Override
    public void close() throws IOException {
        judge.close();
    }
}
