// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import dev.samara.emulator.elf.ElfFile.ElfException;
import dev.samara.emulator.linux.Emulation;
import dev.samara.emulator.linux.RunPlan;
import dev.samara.emulator.linux.RunPlan.ExecutionMode;
import dev.samara.testing.judge.Judge;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** The judge as the first process of an emulator. */
final class GuestSide extends Side {
    private static final long MEMORY = 256L << 20;
    private static final int USER = 1000;
    private static final int MOST_SECONDS = 100;

    private final StringWriter reports;
    private final Emulation emulation;
    private final Thread thread;

    private GuestSide(Judge judge, Path folder, int user, StringWriter reports, Emulation emulation, Thread thread) {
        super(Architecture.RV64, judge, folder, user);
        this.reports = reports;
        this.emulation = emulation;
        this.thread = thread;
    }

    /** Starts an emulator whose root is a folder. */
    static GuestSide start(Path folder, ExecutionMode execution) throws IOException {
        Path program = Judge.put(Judge.RV64, folder);
        ByteStream requests = new ByteStream(TimeUnit.DAYS.toSeconds(1));
        ByteStream answers = new ByteStream(MOST_SECONDS);
        StringWriter reports = new StringWriter();
        Emulation emulation = new Emulation(new RunPlan(
                program,
                List.of(),
                List.of(),
                folder,
                false,
                MEMORY,
                2,
                4096,
                execution,
                false,
                Boolean.getBoolean("trace"),
                false,
                requests.reader(),
                answers,
                answers,
                new PrintWriter(reports, true),
                RunPlan.Terminals.NONE));
        Thread thread = new Thread(() -> run(emulation, answers, reports), "emulator of " + folder.getFileName());
        thread.start();
        Judge judge = Judge.connect(requests, answers.reader());
        return new GuestSide(judge, folder, USER, reports, emulation, thread);
    }

    private static void run(Emulation emulation, ByteStream answers, StringWriter reports) {
        try {
            emulation.run();
        } catch (ElfException | InterruptedException e) {
            reports.append(e.toString());
        } finally {
            answers.close();
        }
    }

    @Override
    public void kill(long process) {
        emulation.stop();
    }

    @Override
    public boolean isAsleep(long process) {
        return false;
    }

    @Override
    String complaints() {
        String found = reports.toString();
        reports.getBuffer().setLength(0);
        return found;
    }

    @Override
    public void close() throws IOException {
        super.close();
        emulation.stop();
        try {
            thread.join(TimeUnit.SECONDS.toMillis(MOST_SECONDS));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        if (thread.isAlive()) {
            throw new IOException("the emulator does not end");
        }
    }
}
