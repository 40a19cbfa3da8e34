// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

import static dev.samara.core.live.file.Kind.SLOT;
import static dev.samara.core.live.file.Places.PAGE;

import dev.samara.core.MachineInternals;
import dev.samara.core.event.Report;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.hostfile.HostFiles;
import dev.samara.core.internal.hostfile.HostFilesCounts;
import dev.samara.core.live.file.AckModel.AckPage;
import dev.samara.core.mman.Errno;
import dev.samara.interleave.failure.HostFault;
import dev.samara.interleave.failure.HostFault.HostCall;
import dev.samara.interleave.failure.HostFault.Way;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Objects;

/**
 * Compares the library's and the host's content with the acknowledged content, and the machine's reports with the
 * failures.
 */
final class AckChecks {
    private final HostFault fault;
    private final LibrarySide library;
    private final AckModel model;
    private final boolean isForced;

    /** The number of reports that were expected. */
    private int reported;

    /**
     * Creates the checks.
     *
     * @param isForced whether the last close of a file forces the file to the device
     */
    AckChecks(HostFault fault, LibrarySide library, AckModel model, boolean isForced) {
        this.fault = fault;
        this.library = library;
        this.model = model;
        this.isForced = isForced;
    }

    /** Checks that the failure which a step returned is the host's errno, or the fault that corresponds to it. */
    void errno(Outcome outcome) {
        Errno errno = fault.way() == Way.FULL ? Errno.ENOSPC : Errno.EIO;
        boolean isFault = outcome.isFault() && outcome.error().equals("BUS2");
        if (outcome.result() != errno.result() && !isFault && outcome.result() != Errno.EFAULT.result()) {
            throw new AssertionError("returns " + outcome + " for " + fault);
        }
    }

    /** Compares the content of the device after a save returned 0. */
    void saved(Step step) {
        if (step.verb() == Verb.FSYNC) {
            AckFile file = Objects.requireNonNull(model.at(step.number(SLOT))).file;
            file.checkForced("saved by fsync", 0, Long.MAX_VALUE);
        } else if (step.verb() == Verb.MSYNC) {
            for (AckPage page : model.saved(step)) {
                AckFile file = page.open().file;
                file.checkForced("saved by msync", page.offset(), page.offset() + PAGE);
            }
        }
    }

    void sizes() {
        for (AckFile file : model.files()) {
            if (file.host.length() != file.size()) {
                throw new AssertionError(
                        file.name + " has " + file.size() + " bytes, and on the host " + file.host.length());
            }
        }
    }

    /** Records what is lost on the device if the failed call was a force. */
    void lost(AckFile file) {
        if (fault.call() == HostCall.FORCE && fault.way() != Way.CUT_OFF) {
            file.forceFailed();
        }
    }

    /** Compares all bytes of an open file, twice; in between, all evictable pages are evicted. */
    void look(AckFile file) {
        int slot = model.slotOf(file);
        for (int i = 0; slot >= 0 && i < 2; i++) {
            ByteBuffer bytes = ByteBuffer.allocate(file.size() + 1);
            long read = library.file(slot).pread(bytes, 0);
            if (read != file.size()) {
                throw new AssertionError(file.name + " has " + file.size() + " bytes, and a read returns " + read);
            }
            file.shown(0, bytes.array(), (int) read);
            evict();
        }
    }

    /** Evicts all evictable pages of all files. */
    void evict() {
        for (int slot = 0; slot < Places.SLOTS; slot++) {
            if (model.at(slot) != null) {
                ((FilePages) Objects.requireNonNull(library.file(slot).pageCache())).memory.reclaim();
            }
        }
    }

    /** Returns whether the machine reported an unexpected failure. */
    boolean isReported() {
        return library.reports().size() > reported;
    }

    void noReport() {
        if (isReported()) {
            throw new AssertionError("reported: " + library.reports());
        }
    }

    /** Checks that the failed last close of a file was reported once. The file stays in memory if it was not saved. */
    void reported(AckFile file) {
        if (fault.call() == HostCall.CLOSE && !file.isWritten()) {
            noReport();
            return;
        }
        List<Report> reports = library.reports();
        boolean isOne = reports.size() == reported + 1
                && reports.get(reported).kind() == Report.Kind.FILE_NOT_SAVED
                && String.valueOf(reports.get(reported).message()).contains("/" + file.name + " ");
        if (!isOne) {
            throw new AssertionError(fault + " at the last close of " + file.name + ", and reported are " + reports);
        }
        reported++;
        if (fault.call() != HostCall.CLOSE) {
            file.keep();
        }
    }

    /** Checks that the files without users were saved. */
    void ended() {
        for (AckFile file : model.files()) {
            if (!file.isUsed() && !file.isKept()) {
                file.end();
                device(file);
                if (file.host.open() != 0) {
                    throw new AssertionError(file.name + " is closed, and has " + file.host.open() + " channels");
                }
            }
        }
    }

    private void device(AckFile file) {
        file.checkWritten("closed");
        if (isForced) {
            file.checkForced("closed", 0, Long.MAX_VALUE);
        }
    }

    /** Checks, after all opens and mappings were closed, that only files whose last close failed remain. */
    void allClosed() {
        long kept = model.files().stream().filter(AckFile::isKept).count();
        zero("files are in the table", HostFilesCounts.files(files()) - kept);
        zero("pins are left", library.machine().statistics().pins());
        if (kept == 0) {
            zero("charged bytes are left", HostFilesCounts.charged(files()));
            zero("frames are left", library.machine().statistics().framesInUse());
        }
    }

    /** Checks, after the machine was closed, that all files are saved. */
    void allSaved() {
        zero("files are in the table", HostFilesCounts.files(files()));
        zero("charged bytes are left", HostFilesCounts.charged(files()));
        for (AckFile file : model.files()) {
            zero("channels are open of " + file.name, file.host.open());
            device(file);
        }
        noReport();
    }

    private HostFiles files() {
        return MachineInternals.hostFiles(library.machine());
    }

    private static void zero(String what, long count) {
        if (count != 0) {
            throw new AssertionError("at the end " + count + " " + what);
        }
    }
}
