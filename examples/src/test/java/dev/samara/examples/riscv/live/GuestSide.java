// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.live;

import dev.samara.examples.riscv.elf.ElfException;
import dev.samara.examples.riscv.linux.CodeExecution;
import dev.samara.examples.riscv.linux.Emulation;
import dev.samara.examples.riscv.linux.RunPlan;
import dev.samara.testing.judge.Judge;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** The judge as the first process of an emulator. */
final class GuestSide implements Side {
    private static final long MEMORY = 256L << 20;
    private static final int USER = 1000;
    private static final int MOST_SECONDS = 100;

    private final Path folder;
    private final ByteStream requests = new ByteStream(TimeUnit.DAYS.toSeconds(1));
    private final ByteStream answers = new ByteStream(MOST_SECONDS);
    private final StringWriter reports = new StringWriter();
    private final Emulation emulation;
    private final Thread thread;
    private final Judge judge;

    /** Starts an emulator whose root is a folder. */
    GuestSide(Path folder, CodeExecution execution) throws IOException {
        this.folder = folder;
        Path program = Judge.put(Judge.RV64, folder);
        emulation = new Emulation(new RunPlan(
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
                false));
        thread = new Thread(this::run, "emulator of " + folder.getFileName());
        thread.start();
        judge = Judge.connect(requests, answers.reader());
    }

    private void run() {
        try {
            emulation.run();
        } catch (ElfException | InterruptedException e) {
            reports.append(e.toString());
        } finally {
            answers.close();
        }
    }

    @Override
    public Architecture architecture() {
        return Architecture.RV64;
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
        return "/";
    }

    @Override
    public int user() {
        return USER;
    }

    @Override
    public void kill(long process) {
        emulation.stop();
    }

    @Override
    public String complaints() {
        String found = reports.toString();
        reports.getBuffer().setLength(0);
        return found;
    }

    @Override
    public void close() throws IOException {
        judge.close();
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
