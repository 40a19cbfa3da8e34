// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import dev.samara.testing.judge.Judge;
import java.io.IOException;
import java.nio.file.Path;

/** A judge that makes scripts: that of the kernel, or that of the emulator. */
abstract class Side implements Watch.Watched, AutoCloseable {
    private final Architecture architecture;
    private final Judge judge;
    private final Path folder;
    private final String base;
    private final int user;

    /**
     * Makes a side.
     *
     * @param judge the judge, which has greeted
     * @param folder the folder of the host in which scripts have their folders
     * @param base the path of that folder, as scripts see it, with a slash at the end
     * @param user the user that scripts are
     */
    Side(Architecture architecture, Judge judge, Path folder, String base, int user) {
        this.architecture = architecture;
        this.judge = judge;
        this.folder = folder;
        this.base = base;
        this.user = user;
        useNumberZero();
    }

    /** Uses up the first number of segments, which is 0: a script has kept 0 where it has kept nothing. */
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

    /** Returns a text of what went wrong in the emulator itself; empty if nothing did. */
    abstract String complaints();

    @Override
    public void close() throws IOException {
        judge.close();
    }
}
