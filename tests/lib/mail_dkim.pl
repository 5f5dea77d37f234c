#!/usr/bin/perl
# Mail::DKIM (Debian's libmail-dkim-perl) over a file of lines "NAME TEXT" instead of DNS. A message on
# standard input, or its name; prints a line a verdict.
#   mail_dkim.pl verify KEYS    RESULT DOMAIN SELECTOR of each signature
#   mail_dkim.pl arc KEYS       RESULT of the chain
#   mail_dkim.pl sign DOMAIN SELECTOR PEM-FILE CANONICALIZATION    a DKIM-Signature field
use strict;
use warnings;
use Mail::DKIM::ARC::Verifier;
use Mail::DKIM::DNS;
use Mail::DKIM::Signer;
use Mail::DKIM::Verifier;
use Net::DNS::Resolver::Mock;

my $verb = shift;
binmode STDIN;
binmode STDOUT;

sub feed {
    my ($to) = @_;
    local $/;
    my $message = <STDIN>;
    $message =~ s/\r?\n/\r\n/g;
    $message =~ s/[^\n]\K\z/\r\n/;    # as it would come by SMTP; the simple form misses it otherwise
    $to->PRINT($message);
    $to->CLOSE;
}

if ( $verb eq 'sign' ) {
    my ( $domain, $selector, $key, $method ) = @ARGV;
    my $signer = Mail::DKIM::Signer->new(
        Algorithm => 'rsa-sha256',
        Method    => $method,
        Domain    => $domain,
        Selector  => $selector,
        KeyFile   => $key,
    );
    feed($signer);
    print $signer->signature->as_string . "\r\n";
    exit 0;
}

my $zone = '';
open( my $keys, '<', shift ) or die "no keys: $!";
while (<$keys>) {
    chomp;
    my ( $name, $text ) = split / /, $_, 2;
    $zone .= "$name. 300 TXT " . join( ' ', map { "\"$_\"" } $text =~ /.{1,255}/g ) . "\n";
}
my $resolver = Net::DNS::Resolver::Mock->new;
$resolver->zonefile_parse($zone);
Mail::DKIM::DNS::resolver($resolver);

if ( $verb eq 'verify' ) {
    my $verifier = Mail::DKIM::Verifier->new;
    feed($verifier);
    printf "%s %s %s\n", $_->result, $_->domain, $_->selector for $verifier->signatures;
}
else {
    my $verifier = Mail::DKIM::ARC::Verifier->new;
    feed($verifier);
    print $verifier->result . "\n";
}
