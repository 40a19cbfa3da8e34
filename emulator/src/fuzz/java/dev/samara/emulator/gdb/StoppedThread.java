// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.gdb;

import dev.samara.emulator.cpu.Breakpoints;
import dev.samara.emulator.cpu.Hart;
import dev.samara.emulator.linux.debug.DebuggedThread;

/** A stopped thread that runs a task instead of resuming when it is woken. */
final class StoppedThread implements DebuggedThread {
    private final int tid;
    private final Hart hart;
    private final Runnable woken;

    StoppedThread(int tid, Hart hart, Runnable woken) {
        this.tid = tid;
        this.hart = hart;
        this.woken = woken;
    }

    @Override
    public int tid() {
        return tid;
    }

    @Override
    public Hart hart() {
        return hart;
    }

    @Override
    public boolean mustEnd() {
        return false;
    }

    @Override
    public void park() {
        throw new AssertionError("it does not run");
    }

    @Override
    public void wake() {
        woken.run();
    }

    @Override
    public void ask() {
        throw new AssertionError("it does not run");
    }

    @Override
    public void changedCode() {
        // This thread has no decoded code.
    }

    @Override
    public void stopAt(Breakpoints breakpoints) {
        // This thread executes no instructions.
    }

    @Override
    public void forgetCall() {
        // This thread makes no calls.
    }

    @Override
    public void send(int signal) {
        if (signal < 1 || signal > 64) {
            throw new AssertionError("signal " + signal);
        }
    }
}
